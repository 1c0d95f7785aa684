"""What the pages and docstrings name is there, and figures of defaults are the defaults."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from mmaq.config.evaluation import Finetune, Supervised
from mmaq.config.learning import Pretrain
from mmaq.config.load import check_config
from mmaq.config.schema import Config

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OLD = ROOT / "docs" / "upgrading.md"
"""Names what was, beside what is."""
SOURCES = [path for room in ("mmaq", "benchmarks") for path in sorted((ROOT / room).rglob("*.py"))]

NAME = re.compile(r"(?<![\w./-])mmaq(?:\.[A-Za-z_]\w*)+")
FILE_OF_THE_METHOD = re.compile(r"mmaq\.(?:safetensors|ckpt|md)")
METRICS = re.compile(r"mmaq\.linear\.s2")
"""A key of ``results/metrics.json``."""

FILE = re.compile(
    r"(?<![\w./-])(?:mmaq|docs|tests|rules|workflow|benchmarks)/[\w./-]+\.(?:py|md|smk|rst|j2)\b"
)
FOLDER = re.compile(r"`((?:mmaq|docs|tests|rules|workflow|benchmarks)/[\w/]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def words() -> Iterator[tuple[str, str]]:
    """Where it stands, and the text: a page, or the strings of a module, its docstrings too."""
    for path in PAGES:
        if path == OLD:
            continue
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for depth in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:depth]))
        except ModuleNotFoundError:
            continue
        for part in parts[depth:]:
            if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
                return False
            found = getattr(found, part, None)
        return True
    return False


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("mmaq.learn.checkpoint.load_encoders", True),
        ("mmaq.learn.checkpoint", True),
        ("mmaq.training.load_encoders", False),
        ("mmaq.learn.checkpoint.load_decoders", False),
    ],
)
def test_a_name_that_is_not_there_is_found_out(name, there):
    assert resolves(name) == there


def test_every_dotted_name_is_there():
    found = {
        (where, name)
        for where, text in words()
        for name in NAME.findall(text)
        if not FILE_OF_THE_METHOD.fullmatch(name) and not METRICS.fullmatch(name)
    }
    assert len(found) > 10
    missing = {name for name in {name for _, name in found} if not resolves(name)}
    assert not {(where, name) for where, name in found if name in missing}


def test_every_file_that_is_named_is_there():
    found = {
        (where, path)
        for where, text in words()
        for path in [*FILE.findall(text), *FOLDER.findall(text)]
    }
    assert len(found) > 10
    assert not {(where, path) for where, path in found if not (ROOT / path).exists()}


def test_every_link_of_a_page_leads_somewhere():
    broken = [
        (page.name, target, anchor)
        for page in PAGES
        for target, anchor in LINK.findall(page.read_text(encoding="utf-8"))
        if not _leads(page, target, anchor)
    ]
    assert not broken


def _leads(page: Path, target: str, anchor: str) -> bool:
    path = page.parent / target if target else page
    return path.exists() and (not anchor or anchor in _anchors(path))


def _anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_configuration_of_a_page_is_valid():
    blocks = [
        (page.name, yaml.safe_load(block))
        for page in PAGES
        for block in re.findall(
            r"^```yaml\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S
        )
    ]
    ours = [(page, given) for page, given in blocks if set(given) <= set(Config.model_fields)]
    assert "tutorial.md" in {page for page, _ in ours}
    for page, given in ours:
        check_config({"source": "simulate", **given}, page)


def test_no_text_points_to_a_page_that_is_not_in_the_repository():
    pages = re.compile(r"method\s+facts", re.IGNORECASE)
    assert not [where for where, text in words() if pages.search(text)]


def test_the_rows_that_the_readme_shows_are_those_of_the_results():
    shown, all_rows = (
        re.search(
            rf"^## {heading}\n.*?\n\n(\|.*?)\n\n", path.read_text(encoding="utf-8"), re.M | re.S
        )
        for heading, path in (
            ("What it shows", ROOT / "README.md"),
            ("On the simulated country", ROOT / "docs" / "results.md"),
        )
    )
    assert shown is not None
    assert all_rows is not None
    assert len(shown[1].splitlines()) > 10
    assert set(shown[1].splitlines()) <= set(all_rows[1].splitlines())


def test_the_epochs_of_the_equal_budgets_are_the_defaults():
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    said = re.search(
        r"pretraining (\d+), fine-tuning (\d+), training from scratch and supervised (\d+)\), "
        r"batch \(pretraining (\d+),\s+training on labels (\d+)\)",
        text,
    )
    assert said is not None
    pretrain, tune, train = Pretrain(), Finetune(), Supervised()
    defaults = pretrain.epochs, tune.epochs, train.epochs, pretrain.batch_size, tune.batch_size
    assert tuple(map(int, said.groups())) == defaults
    assert train.batch_size == tune.batch_size


def test_the_epochs_of_what_was_tuned_are_the_defaults():
    text = (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
    chosen = {
        row[1].strip(): row[3].strip()
        for line in text.splitlines()
        if line.startswith("| ") and len(row := line.split("|")) == 6
    }
    assert int(chosen["pretraining's epochs"]) == Pretrain().epochs
    epochs, _, rate = chosen["fine-tuning: epochs, rate (encoders 0.3 of it)"].partition(", ")
    assert (int(epochs), float(rate.split(":")[0])) == (Finetune().epochs, Finetune().learning_rate)
    epochs, _, rate = chosen["scratch's and AQNet's epochs"].partition(", ")
    assert (int(epochs), float(rate)) == (Supervised().epochs, Supervised().learning_rate)
