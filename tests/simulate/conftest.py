"""A small simulated country that the tests share."""

from __future__ import annotations

from datetime import date

import pytest

from mmaq.config.data import Period, Simulate
from mmaq.simulate.world.make import make_world

SMALL = Simulate(extent_km=60, stations=60, unlabelled=80)
WEEK = Period(start=date(2021, 1, 25), end=date(2021, 2, 7))


@pytest.fixture(scope="session")
def world():
    return make_world(SMALL, WEEK)
