"""An area that is seen whole: it lies in one tile, and changes no patch of a site."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest
from pyproj import Transformer

from mmaq.base.errors import ConfigError
from mmaq.config.data import Period, Simulate
from mmaq.sentinel2.cut import cut_windows
from mmaq.simulate.area import choose_area
from mmaq.simulate.sensors.scenery import assign_tiles
from mmaq.simulate.sensors.sentinel2 import write_sentinel2
from tests.simulate.sensors.conftest import FakeWorld

DAYS = Period(start=date(2021, 3, 20), end=date(2021, 4, 8))
CONFIG = Simulate(seed=3, extent_km=60, stations=3, unlabelled=2, scene_dates=2)


def _with_city(x, y):
    return SimpleNamespace(
        settlements=SimpleNamespace(x=[x], y=[y]), bounds=(470e3, 5870e3, 530e3, 5930e3)
    )


@pytest.mark.parametrize("city", [(500_300.0, 5_899_900.0), (480_000.0, 5_881_000.0)])
def test_one_tile_holds_the_area_wherever_the_city_lies(city):
    """Near the corner of four tiles, and near the rim of the land."""
    area = choose_area(_with_city(*city), 20.0)
    assert area.east - area.west == area.north - area.south == 20_000
    assert len(assign_tiles(*area.windows().T)) == 1
    assert 470e3 <= area.west <= 510e3
    assert 5870e3 <= area.south <= 5910e3
    covered = area.windows()
    for low, high, axis in ((area.west, area.east, 0), (area.south, area.north, 1)):
        assert covered[:, axis].min() + 240 <= low + 480
        assert covered[:, axis].max() - 240 >= high - 480


def test_an_area_larger_than_a_tiles_own_ground_is_refused():
    with pytest.raises(ConfigError, match=r"simulate\.area_km: no place for an area of 59 km"):
        choose_area(_with_city(500_000.0, 5_900_000.0), 59.0)


def test_sites_have_the_patches_that_they_had_without_the_area(tmp_path):
    world = FakeWorld()
    x, y = world.sites["x"].to_numpy(), world.sites["y"].to_numpy()
    around = np.array([[x[4] + 480 * i + 95, y[4] + 480 * j - 130] for i in (-1, 0, 1, 2)
                       for j in (-1, 0, 1)])  # fmt: skip
    write_sentinel2(world, CONFIG, DAYS, tmp_path / "without", 1)
    write_sentinel2(world, CONFIG, DAYS, tmp_path / "with", 1, around)
    to_degrees = Transformer.from_crs(32632, 4326, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    sites = world.sites.assign(lon=lon, lat=lat)
    before, after = (
        cut_windows(tmp_path / name, sites, 32, 0.0, 1) for name in ("without", "with")
    )
    np.testing.assert_array_equal(after.values, before.values)
    np.testing.assert_array_equal(after.mask, before.mask)
    assert after.table.equals(before.table)
    lon, lat = to_degrees.transform(*around.T)
    cells = sites.iloc[[0] * len(lon)].assign(lon=lon, lat=lat)
    seen, unseen = (cut_windows(tmp_path / name, cells, 32, 0.0, 1) for name in ("with", "without"))
    assert (seen.values.max(axis=(2, 3)) > 0).all(), "the area is seen whole"
    assert len(seen.values) == len(cells) > len(unseen.values), "and else in part alone"
