"""A stage is stale by the definitions that its function reaches, and by nothing else."""

import shutil
import sys
import threading
from functools import partial

import pytest

from mmaq.base.digest import DATA, PACKAGE, Code, code_digest, code_files
from mmaq.config.data import Grid, Landuse, Period
from mmaq.learn.stage import METHODS
from mmaq.vocabulary import SELF_SUPERVISED
from tests.learn.training_country import TINY, make_country

FILES = {
    "__init__.py": '__version__ = "1"\n',
    "config.py": "FOLDS = 5\n",
    "room/__init__.py": "import os\n",
    "room/stage.py": '''
"""A stage."""
from __future__ import annotations

import math as numbers
from typing import TYPE_CHECKING

from pkg.config import FOLDS
from pkg.room import losses
from pkg.room.methods import make

if TYPE_CHECKING:
    from pkg.room.kinds import Kind

LIMIT = 3
"""Largest number."""


def train(name: str) -> float:
    """Train a method."""
    from pkg.room.late import finish  # costs memory

    return finish(make(name).loss(LIMIT), numbers.pi, FOLDS, losses.MEAN)


def render() -> str:
    return load("pkg.room")


def other() -> None:
    print("not reached")


def load(package: str) -> str:
    return package
''',
    "room/losses.py": "from pkg.room.late import twice\nMEAN = 1\nSUM = 2\n",
    "room/late.py": """
def finish(*values):
    return twice(values)


def twice(x):
    return x
""",
    "room/methods/__init__.py": """
from pkg.room.methods.first import First
from pkg.room.methods.second import Second

METHODS = {"first": First, "second": Second}


def make(name):
    return METHODS[name]()
""",
    "room/methods/base.py": """
class Method:
    def step(self):
        return 1
""",
    "room/methods/first.py": '''
from pkg.room.methods.base import Method
from pkg.room.late import twice as double


class First(Method):
    """The first."""

    def loss(self, x):
        return double(x)
''',
    "room/methods/second.py": """
from pkg.room.methods.base import Method


class Second(Method):
    def loss(self, x):
        return -x
""",
    "room/templates/page.html.j2": "<p>{{ text }}</p>",
}
TRAIN, RENDER, OTHER = "pkg.room.stage.train", "pkg.room.stage.render", "pkg.room.stage.other"


@pytest.fixture
def package(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "pkg" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pkg"


def _digests(package):
    code = Code(package)
    return {
        "first": code.digest([TRAIN], {"METHODS": "first"}),
        "second": code.digest([TRAIN], {"METHODS": "second"}),
        "render": code.digest([RENDER], {}),
        "other": code.digest([OTHER], {}),
    }


def _stale(package, name, old, new):
    before = _digests(package)
    path = package / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    after = _digests(package)
    return {stage for stage in before if before[stage] != after[stage]}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("room/stage.py", '"""Train a method."""', '"""Train one."""'),
        ("room/stage.py", '"""A stage."""', ""),
        ("room/stage.py", '"""Largest number."""', '"""The limit."""'),
        ("room/stage.py", "  # costs memory", "  # late"),
        ("room/stage.py", "finish(make(name)", "finish(\n        make(name)"),
        ("room/methods/first.py", '    """The first."""\n', ""),
        ("room/losses.py", "SUM = 2", "SUM = 3"),
        ("room/stage.py", "def load(", "def unused() -> None: ...\n\n\ndef load("),
        ("config.py", "5", "10"),
        ("__init__.py", '"1"', '"2"'),
    ],
)
def test_what_decides_no_result_makes_nothing_stale(package, name, old, new):
    assert _stale(package, name, old, new) == set()


@pytest.mark.parametrize(
    ("name", "old", "new", "stale"),
    [
        ("room/stage.py", "LIMIT = 3", "LIMIT = 4", {"first", "second"}),
        ("room/stage.py", "import math", "import cmath", {"first", "second"}),
        ("room/stage.py", '"not reached"', '"nor here"', {"other"}),
        ("room/losses.py", "MEAN = 1", "MEAN = 0", {"first", "second"}),
        ("room/late.py", "return x", "return 2 * x", {"first", "second"}),
        ("room/methods/base.py", "return 1", "return 2", {"first", "second"}),
        ("room/methods/first.py", "double(x)", "double(-x)", {"first"}),
        ("room/methods/first.py", "late import twice", "late import finish", {"first"}),
        ("room/methods/second.py", "-x", "x", {"second"}),
        ("room/methods/__init__.py", '"second": Second', '"second": First', {"second"}),
        ("room/methods/__init__.py", '"second": S', '"third": First, "second": S', set()),
        ("room/methods/__init__.py", "[name]()", "[name](name)", {"first", "second"}),
        ("room/__init__.py", "\n", "\nos.umask(2)\n", {"first", "second", "render", "other"}),
        ("room/templates/page.html.j2", "<p>", "<div>", {"render"}),
    ],
)  # fmt: skip
def test_an_edit_makes_stale_what_reaches_it(package, name, old, new, stale):
    assert _stale(package, name, old, new) == stale


def test_a_module_that_is_handed_on_counts_whole(package):
    (package / "room/whole.py").write_text(
        "from pkg.room import losses\n\n\ndef hand_on(x):\n    return x(losses)\n"
    )
    before = Code(package).digest(["pkg.room.whole.hand_on"], {})
    (package / "room/losses.py").write_text("MEAN = 1\nSUM = 3\n")
    assert Code(package).digest(["pkg.room.whole.hand_on"], {}) != before


def test_a_package_elsewhere_has_the_same_digests(package, tmp_path):
    shutil.copytree(package, tmp_path / "elsewhere/pkg")
    assert _digests(tmp_path / "elsewhere/pkg") == _digests(package)


def test_files_are_those_of_the_reached_definitions(package):
    found = Code(package).files([TRAIN], {"METHODS": "first"})
    names = [path.relative_to(package).as_posix() for path in found]
    assert names == [
        "room/late.py", "room/losses.py", "room/methods/__init__.py", "room/methods/base.py",
        "room/methods/first.py", "room/stage.py",
    ]  # fmt: skip
    assert package / "room/templates/page.html.j2" in Code(package).files([RENDER], {})


def test_what_is_not_there_is_refused(package):
    code = Code(package)
    with pytest.raises(ValueError, match=r"pkg\.room\.stage\.trian is no function of pkg"):
        code.digest(["pkg.room.stage.trian"], {})
    with pytest.raises(ValueError, match=r"pkg\.room\.methods\.METHODS has no entry third"):
        code.digest([TRAIN], {"METHODS": "third"})
    with pytest.raises(ValueError, match=r"pkg\.room\.stage\.other uses no METHODS"):
        code.digest([OTHER], {"METHODS": "first"})


def test_each_method_has_its_own_files():
    assert tuple(METHODS) == SELF_SUPERVISED
    stage = "mmaq.learn.stage.pretrain"
    assert len({code_digest(stage, METHODS=name, TRAINED=name) for name in METHODS}) == len(METHODS)
    files = {path.name for path in code_files(stage, METHODS="mmaq")}
    assert {"mmaq.py", "mmaq_released.py", "lars.py", "views.py"} <= files
    assert not {"contrastive.py", "momentum.py", "dino.py", "vicreg.py"} & files
    templates = [path for path in code_files("mmaq.report.stage.report") if path.suffix == ".j2"]
    assert len(templates) == len(list((PACKAGE / "report").rglob("*.j2"))) > 10


def test_every_kind_of_data_file_in_the_package_counts():
    files = (path for path in PACKAGE.rglob("*") if path.is_file())
    kinds = {path.suffix for path in files if "__pycache__" not in path.parts}
    assert kinds == {".py", *DATA}
    assert PACKAGE / "landuse/geonames.parquet" in code_files("mmaq.landuse.stage.landuse")


@pytest.mark.parametrize(
    ("stage", "rooms"),
    [
        ("mmaq.sentinel5p.stage.grid", ("learn", "sentinel2", "landuse", "evaluate")),
        ("mmaq.learn.stage.pretrain", ("sentinel2", "sentinel5p", "landuse", "evaluate")),
        ("mmaq.report.stage.report", ("learn", "sentinel5p", "simulate")),
    ],
)
def test_a_stage_does_not_rest_on_rooms_it_does_not_use(stage, rooms):
    found = {path.relative_to(PACKAGE).parts[0] for path in code_files(stage)}
    assert not found & set(rooms)


def _ran(call):
    """Definitions of the package that run in a call, by module and name."""
    ran: set[tuple[str, str]] = set()

    def note(frame, event, _):
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname.split(".")[0]
        if event == "call" and module.startswith("mmaq.") and not name.startswith(("<", "__")):
            ran.add((module, name))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    passive = ("mmaq.config.", "mmaq.base.logs", "mmaq.base.layout")
    return {(module, name) for module, name in ran if not module.startswith(passive)}


def _reached(stage, **chosen):
    return {(piece.place, piece.name) for piece in Code(PACKAGE).reached([stage], chosen)}


@pytest.mark.slow
def test_what_runs_in_a_data_stage_is_reached(land, tmp_path):
    from mmaq.landuse.stage import landuse
    from mmaq.sentinel5p.stage import grid, grid_part

    config, out, part = Grid(resolution=0.1), tmp_path / "out", tmp_path / "part.nc"
    days = {"start": Period().start, "end": Period().end}
    given = {"archive": land.archive, "config": config, **days, "out": part}
    calls = [
        partial(landuse, archive=land.archive, config=Landuse(), period=Period(), out=out),
        partial(grid_part, **given),
        partial(grid, parts=[part], config=config, out=tmp_path / "l3.nc"),
    ]
    for call in calls:
        ran = _ran(call)
        assert len(ran) > 10
        assert ran <= _reached(f"{call.func.__module__}.{call.func.__name__}")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mmaq", "moco_v2"])
def test_what_runs_in_a_pretraining_is_reached(tmp_path, method):
    from mmaq.learn.stage import pretrain

    store, sites = make_country(tmp_path, stations=8, unlabelled=20)
    config = TINY.of(method)
    ran = _ran(partial(pretrain, store=store, sites=sites, config=config, out=tmp_path))
    assert len(ran) > 30
    assert ran <= _reached("mmaq.learn.stage.pretrain", METHODS=method)
