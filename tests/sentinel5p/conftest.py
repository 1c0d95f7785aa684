from __future__ import annotations

import numpy as np
import pytest

from mmaq.config.data import Grid
from tests.sentinel5p.archives import catalogue, make_granules
from tests.sentinel5p.granules import product_name, swath, write_granule


@pytest.fixture
def config():
    return Grid(bbox=(4.0, 50.0, 6.0, 51.5), resolution=0.05)


@pytest.fixture
def granule(tmp_path):
    """One intact granule of random values and its path."""
    lon, lat = swath()
    value = np.random.default_rng(3).uniform(1e-5, 2e-4, lon.shape[:2])
    return write_granule(tmp_path / f"{product_name()}.nc", value, lon, lat, sigma=value / 10)


@pytest.fixture
def archive(tmp_path):
    return catalogue(tmp_path / "archive", make_granules(tmp_path / "l2"))
