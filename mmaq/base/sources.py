"""Which source files a stage rests on, so that an edited module reruns its stage and no other."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]

# Values of the configuration reach a stage as parameters of its rule, and logging changes no
# result: neither makes a stage stale.
IGNORED = ("mmaq.config", "mmaq.base.logs", "mmaq.base.layout", "mmaq.base.sources")


def stage_sources(*modules: str) -> list[str]:
    """Files of the named modules and of everything in ``mmaq`` they import, directly or not.

    Imports inside functions count. The list is sorted; paths are relative to the working folder
    where they lie inside it, so that a moved clone is not stale.
    """
    found: set[Path] = set()
    for module in modules:
        _collect(module, found)
    here = Path.cwd()
    return [str(p.relative_to(here) if p.is_relative_to(here) else p) for p in sorted(found)]


def _collect(module: str, found: set[Path]) -> None:
    path = _file(module)
    if path is None or path in found or module.startswith(IGNORED):
        return
    found.add(path)
    if path.name == "__init__.py":
        found.update(path.parent.rglob("*.j2"))  # a page's template shapes it as code does
    for name in _imports(path):
        _collect(name, found)


@cache
def _imports(path: Path) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    ours = {name for name in names if name.split(".")[0] == "mmaq"}
    # importing a.b.c runs a/__init__ and a.b/__init__ too
    parents = {".".join(n.split(".")[:depth]) for n in ours for depth in range(2, n.count(".") + 1)}
    return tuple(sorted(ours | parents))


def _file(module: str) -> Path | None:
    base = PACKAGE.joinpath(*module.split(".")[1:])
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file() and path != PACKAGE / "__init__.py":
            return path
    return None
