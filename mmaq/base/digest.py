"""Which code decides a stage's result: the definitions that its function reaches, as a digest.

A stage has to run again when a definition that it runs has changed, and for no other edit. So its
function is followed through the package by reading the sources: every module-level function, class
and constant whose name a reached definition uses, through imports at the head of a file and inside
functions. What is compared has no docstrings, comments or layout.

Nothing is imported. What only a running program knows, such as ``getattr`` with a computed name, is
not seen, but a module or a class that is handed on counts whole.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mmaq.base.remembered import Remembered

PACKAGE = Path(__file__).parents[1]

IGNORED = (
    "config", "base.logs", "base.stopping", "base.layout", "base.digest", "base.remembered",
)  # fmt: skip
"""Modules that decide no result: values of the configuration reach a stage as parameters."""

DATA = (".j2", ".csv", ".parquet")
"""Templates and tables beside the sources shape a result as code does."""

LENGTH = 16
"""Hexadecimal digits of a digest: 64 bits are enough to tell versions of a stage apart."""

DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

PASSIVE = ("ctx", "kind", "type_comment")
"""Fields of a tree that decide nothing."""

Chosen = Mapping[str, str | None]


def code_digest(*starts: str, **chosen: str | None) -> str:
    """Digest of the code that the functions ``starts`` ("mmaq.learn.stage.pretrain") reach.

    Args:
        starts: functions by their full names.
        chosen: by the name of a registry (a dict display at the head level of a module), the key
            at which it is followed, so that other entries do not count; None: at no key.

    Raises:
        ValueError: there is no such function, or no such entry of a registry is reached.
    """
    return _digest(starts, tuple(sorted(chosen.items())))


def code_files(*starts: str, **chosen: str | None) -> list[Path]:
    """The files that hold what :func:`code_digest` compares, sorted."""
    return _own().files(starts, chosen)


@cache
def _digest(starts: tuple[str, ...], chosen: tuple[tuple[str, str | None], ...]) -> str:
    question = json.dumps([starts, chosen])
    return _remembered().answer(question, lambda: _own().digest(starts, dict(chosen)))


@cache
def _remembered() -> Remembered:
    return Remembered(PACKAGE, (".py", *DATA))


@cache
def _own() -> Code:
    return Code(PACKAGE)


class Piece(NamedTuple):
    """What is compared as a whole: a definition, or a part of one."""

    place: str
    """Its module; or a data file, relative to the package."""
    name: str = ""
    """None: a data file, or what importing the module does."""
    part: str = ""
    """The key of a registry's entry, where only that counts."""


@dataclass
class Module:
    """The statements at the head level of a file."""

    name: str
    path: Path
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    """Full names by the names that they have here."""
    effects: list[ast.stmt] = field(default_factory=list)
    """What is done on import, besides giving names."""


class Inside(NamedTuple):
    """What stands in a tree."""

    chains: set[tuple[str, ...]]
    """Dotted names in use."""
    imports: list[ast.stmt]
    texts: set[str]


class Code:
    """The sources of a package, in a folder of its name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.package = folder, folder.name
        self._modules: dict[str, Module | None] = {}
        self._pieces: dict[Piece, tuple[str, list[Piece]]] = {}

    def digest(self, starts: Sequence[str], chosen: Chosen) -> str:
        """See :func:`code_digest`."""
        texts = [self._read(piece)[0] for piece in sorted(self.reached(starts, chosen))]
        return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:LENGTH]

    def files(self, starts: Sequence[str], chosen: Chosen) -> list[Path]:
        """See :func:`code_files`."""
        found = set()
        for piece in self.reached(starts, chosen):
            module = self._module(piece.place)
            found.add(module.path if module else self.folder / piece.place)
        return sorted(found)

    def reached(self, starts: Sequence[str], chosen: Chosen) -> set[Piece]:
        """What the functions ``starts`` use, directly or not."""
        waiting, found, met = [], set(), set()
        for start in starts:
            uses = self._follow(start.split("."))
            if len(uses) != 1:
                raise ValueError(f"{start} is no function of {self.package}")
            waiting += uses
        while waiting:
            used = waiting.pop()
            piece = self._choose(used, chosen)
            met.add(used.name)
            if piece is not None and piece not in found:
                found.add(piece)
                waiting += self._read(piece)[1]
        if not set(chosen) <= met:
            raise ValueError(f"{starts[0]} uses no {', '.join(sorted(set(chosen) - met))}")
        return found

    def _choose(self, piece: Piece, chosen: Chosen) -> Piece | None:
        """The piece itself, or of a registry the chosen entry."""
        if piece.name not in chosen or piece.part or not self._entries(piece):
            return piece
        key = chosen[piece.name]
        if key is None:
            return None
        if key not in self._entries(piece):
            raise ValueError(f"{piece.place}.{piece.name} has no entry {key}")
        return piece._replace(part=key)

    def _entries(self, piece: Piece) -> dict[str, ast.expr]:
        """Entries of a dict display with constant keys; none of anything else."""
        module = self._module(piece.place)
        for node in module.definitions.get(piece.name, []) if module else []:
            value = getattr(node, "value", None)
            if isinstance(value, ast.Dict):
                pairs = zip(value.keys, value.values, strict=True)
                constant = ((key, each) for key, each in pairs if isinstance(key, ast.Constant))
                return {str(key.value): each for key, each in constant}
        return {}

    def _read(self, piece: Piece) -> tuple[str, list[Piece]]:
        """What is compared of a piece, and what it uses."""
        if piece not in self._pieces:
            self._pieces[piece] = self._reading(piece)
        return self._pieces[piece]

    def _reading(self, piece: Piece) -> tuple[str, list[Piece]]:
        module = self._module(piece.place)
        if module is None:
            return f"{piece.place} {(self.folder / piece.place).read_bytes()!r}", []
        nodes: Sequence[ast.AST] = module.definitions.get(piece.name, module.effects)
        if piece.part:
            nodes = [self._entries(piece)[piece.part]]
        named, uses = set(), []
        for node in nodes:
            inside = _look_inside(node)
            local = _imports(inside.imports, module, self.package)
            for chain in inside.chains:
                full = local.get(chain[0], module.imports.get(chain[0]))
                named.add(f"{chain[0]}={full}" if full else "")
                uses += self._resolve(module, local, list(chain))
            uses += [Piece(path) for path in self._data(inside, module)]
        uses += self._on_import(module)
        text = " ".join([*piece, *sorted(named), *map(_normal, nodes)])
        return hashlib.sha256(text.encode()).hexdigest(), uses

    def _on_import(self, module: Module) -> list[Piece]:
        """What a module and the packages above it do when they are imported."""
        parts = module.name.split(".")
        above = [self._module(".".join(parts[:depth])) for depth in range(2, len(parts) + 1)]
        return [Piece(each.name) for each in above if each and each.effects]

    def _data(self, inside: Inside, module: Module) -> Iterator[str]:
        """Data files in the folder that a definition names: a package's, or its own file's."""
        named = (text for text in inside.texts if text.startswith(f"{self.package}."))
        folders = {self.folder.joinpath(*text.split(".")[1:]) for text in named}
        if any(chain[0] == "__file__" for chain in inside.chains):
            folders.add(module.path.parent)
        for folder in folders:
            for path in folder.rglob("*") if folder.is_dir() else ():
                if path.suffix in DATA:
                    yield path.relative_to(self.folder).as_posix()

    def _resolve(self, module: Module, local: Mapping[str, str], chain: list[str]) -> list[Piece]:
        """What a dotted name in a module stands for; nothing if that is not of the package."""
        head, *rest = chain
        if head in local:
            return self._follow([*local[head].split("."), *rest])
        if head in module.definitions:
            return [Piece(module.name, head)]
        if head in module.imports:
            return self._follow([*module.imports[head].split("."), *rest])
        return []

    def _follow(self, full: Sequence[str]) -> list[Piece]:
        """What a full name stands for: a definition, or all those of a module."""
        if full[0] != self.package:
            return []
        module, rest = self._module(full[0]), list(full[1:])
        while module is not None and rest:
            name = rest.pop(0)
            if name in module.definitions:
                return [Piece(module.name, name)] if _counts(module, self.package) else []
            if name in module.imports:
                return self._follow([*module.imports[name].split("."), *rest])
            below = self._module(f"{module.name}.{name}")
            if below is None:
                break
            module = below
        if module is None or not _counts(module, self.package):
            return []
        return [Piece(module.name, name) for name in module.definitions]

    def _module(self, name: str) -> Module | None:
        if name not in self._modules:
            self._modules[name] = self._parse(name)
        return self._modules[name]

    def _parse(self, name: str) -> Module | None:
        head, *parts = name.split(".")
        base = self.folder.joinpath(*parts)
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if head == self.package and path.is_file():
                module = Module(name, path)
                for statement in ast.parse(path.read_text(encoding="utf-8")).body:
                    _sort(statement, module, self.package)
                return module
        return None


def _counts(module: Module, package: str) -> bool:
    below = module.name.removeprefix(package).removeprefix(".")
    return below != "" and not any(f"{below}.".startswith(f"{each}.") for each in IGNORED)


def _sort(statement: ast.stmt, module: Module, package: str) -> None:
    """Put a statement at the head level of a file where it belongs."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        module.imports |= _imports([statement], module, package)
        return
    if isinstance(statement, ast.If | ast.Try | ast.With):
        inside = (each for each in ast.walk(statement) if isinstance(each, ast.stmt))
        module.imports |= _imports(inside, module, package)
        if _dotted(getattr(statement, "test", statement)) == ["TYPE_CHECKING"]:
            return
    bound = _bound(statement)
    for name in bound:
        module.definitions.setdefault(name, []).append(statement)
    plain = isinstance(statement, (*DEFINED, ast.Assign, ast.AnnAssign))
    if not (plain and bound) and not _is_text(statement):
        module.effects.append(statement)


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a statement gives."""
    if isinstance(statement, DEFINED):
        return {statement.name}
    targets: list[ast.AST] = [statement]
    if isinstance(statement, ast.Assign):
        targets = [*statement.targets]
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    inside = [each for target in targets for each in ast.walk(target)]
    names = {each.name for each in inside if isinstance(each, DEFINED)}
    stored = (each for each in inside if isinstance(each, ast.Name))
    return names | {each.id for each in stored if isinstance(each.ctx, ast.Store)}


def _imports(nodes: Any, module: Module, package: str) -> dict[str, str]:
    """Full names by the names that imports among ``nodes`` give them."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                head = alias.name.split(".")[0]
                found[alias.asname or head] = alias.name if alias.asname else head
        elif isinstance(node, ast.ImportFrom):
            parts = module.name.split(".")
            # A package's own level is itself, a module's is the package that it lies in.
            depth = len(parts) - node.level + (module.path.name == "__init__.py")
            above = parts[:depth] if node.level else []
            source = ".".join([*above, *(node.module or "").split(".")]).rstrip(".")
            found |= {each.asname or each.name: f"{source}.{each.name}" for each in node.names}
    return found


def _look_inside(node: ast.AST) -> Inside:
    """All that counts of a tree beside its text, in one walk: half of the time of a dry run."""
    found, waiting = Inside(set(), [], set()), [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Constant):
            if isinstance(each.value, str):
                found.texts.add(each.value)
        elif isinstance(each, ast.Import | ast.ImportFrom):
            found.imports.append(each)
        elif chain := _dotted(each):
            found.chains.add(tuple(chain))
        else:
            waiting += ast.iter_child_nodes(each)
    return found


def _dotted(node: ast.AST) -> list[str] | None:
    """``a.b.c`` as its names; None of anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else None


def _normal(node: Any) -> str:
    """A tree as text, less what decides nothing: docstrings, comments, layout, places."""
    if isinstance(node, list):
        return f"[{','.join(_normal(each) for each in node if not _is_text(each))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    values = []
    for name in node._fields:
        value = getattr(node, name, None)
        # Empty fields differ between versions of Python.
        if value is not None and value != [] and name not in PASSIVE:
            values.append(f"{name}={_normal(value)}")
    return f"{type(node).__name__}({','.join(values)})"


def _is_text(node: Any) -> bool:
    """Whether a statement is a text alone: a docstring of what stands around or before it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
