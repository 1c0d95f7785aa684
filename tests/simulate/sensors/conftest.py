"""A small land with water, woods, fields and a town, for sensors to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
import pytest
from affine import Affine

from mmaq.config.data import Period, Simulate
from tests.once import made_once

CLASSES = 8


@dataclass
class FakeWorld:
    """60 km square on the corner of four tiles. ``flat`` makes the column the same everywhere."""

    bounds: tuple[float, float, float, float] = (470e3, 5870e3, 530e3, 5930e3)
    flat: float | None = None
    sites: pd.DataFrame = field(init=False)

    def __post_init__(self):
        x = np.array([480_123.0, 499_990.0, 500_300.0, 520_777.0, 505_005.0])
        y = np.array([5_880_456.0, 5_899_990.0, 5_900_200.0, 5_920_321.0, 5_895_000.0])
        names = [f"SITE{number:02d}" for number in range(len(x))]
        self.sites = pd.DataFrame({"site_id": names, "x": x, "y": y})

    def cover(self, x, y):
        """One class to each stripe of 240 m, with mixed edges."""
        position = np.asarray(x) / 240.0 % CLASSES
        share = np.zeros((len(position), CLASSES), np.float32)
        first, rest = position.astype(int), position % 1
        rows = np.arange(len(position))
        share[rows, first] = 1 - np.maximum(rest - 0.75, 0) * 2
        share[rows, (first + 1) % CLASSES] += np.maximum(rest - 0.75, 0) * 2
        return share / share.sum(axis=1, keepdims=True)

    def greenness(self, x, y):
        return 0.5 + 0.3 * np.sin(np.asarray(x) / 400.0) * np.cos(np.asarray(y) / 300.0)

    def elevation(self, x, y):
        return 60.0 + 40.0 * np.sin(np.asarray(x) / 3000.0) + 0.002 * (np.asarray(y) - 5.87e6)

    def column(self, day: date):
        x0, _, x1, y1 = self.bounds
        n = int((x1 - x0) / 2000)
        row, column = np.mgrid[:n, :n]
        plume = 2e-4 * np.exp(-((row - n / 2) ** 2 + (column - n / 2) ** 2) / 18.0)
        values = 3e-5 + plume if self.flat is None else np.full((n, n), self.flat)
        return values, Affine(2000.0, 0, x0, 0, -2000.0, y1)

    def wind(self, day: date):
        return 4.0, -1.5


@pytest.fixture
def world():
    return FakeWorld()


@pytest.fixture(scope="session")
def archives(tmp_path_factory):
    """Both collections written twice: by one process and by two."""
    from mmaq.simulate.sensors.sentinel2 import write_sentinel2
    from mmaq.simulate.sensors.sentinel5p import write_sentinel5p

    config = Simulate(seed=3, extent_km=60, stations=3, unlabelled=2, orbit_interval_days=5)
    days = Period(start=date(2021, 3, 20), end=date(2021, 4, 8))

    def write(folder):
        roots = []
        for workers in (1, 2):
            roots.append(folder / f"archive{workers}")
            write_sentinel2(FakeWorld(), config, days, roots[-1], workers)
            write_sentinel5p(FakeWorld(), config, days, roots[-1], workers)
        return roots

    return made_once(tmp_path_factory, "archives", write)
