"""Fixtures that every room's tests share."""

from __future__ import annotations

import logging
import os
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tests.forked import import_beforehand

# The workers of pytest take every core: libraries that start threads beside them halve the speed.
# Set before any of them is imported; processes that a test starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
REAL = Path(os.environ.get("MMAQ_REAL_DATA", "../shared/real"))
ABSENT = "real data absent: set MMAQ_REAL_DATA"
QUIET = logging.getLogger().level
WHOLE = {"orchestration", "workflow"}
"""Rooms whose tests run whole workflows."""


# The same examples on every machine and in every run: a test that fails by chance fails for all.
# A busy machine is no fault: nothing is judged by the time that it takes.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")


SEED = 611_953
"""One that no test gives a generator of its own, whose draws would then be the same."""


def seed_everything():
    """Seed what draws without a generator of its own; torch where it is there already."""
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002, what libraries draw from
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(SEED)


@pytest.fixture(autouse=True)
def seeded():
    """No test rests on draws that the tests before it have made."""
    seed_everything()


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef):
    """Nor do fixtures of a module or a session, which are made once, before whichever test asks."""
    if fixturedef.scope != "function":
        seed_everything()


def _files_of_the_project():
    """When each file that a job reads or hashes was last written, and how long it is."""
    kept = ("mmaq", "rules", "workflow", "config", "profiles")
    found = (path for name in kept for path in (ROOT / name).rglob("*") if path.is_file())
    told = ((path, path.stat()) for path in found if "__pycache__" not in path.parts)
    return {str(path): (about.st_mtime_ns, about.st_size) for path, about in told}


@pytest.fixture(scope="session", autouse=True)
def untouched_project():
    """No test edits the working tree, not even for a moment: workflows of others read it."""
    before = _files_of_the_project()
    yield
    after = _files_of_the_project()
    assert {path for path in before | after if before.get(path) != after.get(path)} == set()


@pytest.fixture(autouse=True)
def untouched_logging():
    """Every test finds logging as pytest left it, whatever verb ran in this process before it.

    The level is the one at the start of the session: a fixture of a whole module that runs a
    verb does so before this one.
    """
    root = logging.getLogger()
    root.setLevel(QUIET)
    handlers = root.handlers[:]
    yield
    root.setLevel(QUIET)
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)


def pytest_collection_modifyitems(items):
    """Files that take long come first, so that no worker is left alone with one at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (not WHOLE & set(item.path.parts), item.path not in long))


def pytest_collection_finish():
    """Once all modules are imported, that of the campaign among them."""
    import_beforehand()


@pytest.fixture
def real_data():
    """Folder of real data; the test is skipped by name where it is absent."""
    if not REAL.is_dir():
        pytest.skip(ABSENT)
    return REAL.resolve()


@pytest.fixture(scope="session")
def land(tmp_path_factory):
    """A simulated land of 60 km in 2021: its archive, and its content as the services hold it."""
    from mmaq.config.data import Period, Simulate
    from tests.once import made_once
    from tests.servers.country import make_land

    settings = Simulate(
        extent_km=60, stations=30, unlabelled=20, orbit_interval_days=30, scene_dates=2,
        area_km=0,
    )  # fmt: skip
    return made_once(tmp_path_factory, "land", lambda folder: make_land(folder, settings, Period()))


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(ABSENT in str(report.longrepr) for report in skipped)
    terminalreporter.write_line(f"tests skipped because real data are absent: {count}")
