"""Fixtures that every room's tests share."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

REAL = Path(os.environ.get("MMAQ_REAL_DATA", "../shared/real"))
ABSENT = "real data absent: set MMAQ_REAL_DATA"


@pytest.fixture(autouse=True)
def untouched_logging():
    """What a verb that ran in this process did to logging ends with its test."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)


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
    from tests.servers.country import make_land

    settings = Simulate(
        extent_km=60, stations=30, unlabelled=20, orbit_interval_days=30, scene_dates=2
    )
    return make_land(tmp_path_factory.mktemp("land"), settings, Period())


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    count = sum(ABSENT in str(report.longrepr) for report in skipped)
    terminalreporter.write_line(f"tests skipped because real data are absent: {count}")
