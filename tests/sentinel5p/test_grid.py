"""The grid: its cells, the antimeridian, and the plane in which areas are measured."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.config.data import Grid
from mmaq.sentinel5p.by_hand import grid_arrays
from mmaq.sentinel5p.grid import RegularGrid
from tests.sentinel5p.granules import random_quads


def test_a_box_across_the_antimeridian_goes_on_beyond_180():
    grid = RegularGrid.from_config(Grid(bbox=(178.0, -20.0, -176.0, -10.0), resolution=0.5))
    assert grid.shape == (20, 12)
    assert (grid.longitude_edges()[0], grid.east) == (178.0, 184.0)
    position = grid.column_position(np.array([178.1, 179.9, -179.9, -176.1]))
    np.testing.assert_allclose(position, [0.2, 3.8, 4.2, 11.8])
    assert not grid.goes_round


def test_the_whole_globe_is_a_box():
    grid = RegularGrid.from_config(Grid(bbox=(-180, -90, 180, 90), resolution=1.0))
    assert grid.shape == (180, 360)
    assert grid.goes_round


@pytest.mark.parametrize(
    ("west", "east"), [(172.0, 180.0), (-180.0, -172.0), (172.0, -172.0), (-180.0, 180.0)]
)
def test_footprints_across_the_antimeridian_agree_with_shapely(west, east):
    rng = np.random.default_rng(1)
    lon, lat = random_quads(rng, 60, box=(176.0, 0.0, 184.0, 6.0), size=0.7)
    value = rng.normal(size=60)
    wrapped = (lon + 180) % 360 - 180
    found = grid_arrays(wrapped, lat, value, (west, -1.0, east, 7.0), 0.5)
    centres = found["longitude"].to_numpy()
    weight = np.zeros(found["weight"].shape)
    south = found["latitude"].to_numpy()[:, None] - 0.25
    cells = shapely.box(centres - 0.25, south, centres + 0.25, south + 0.5)
    for turn in (-360, 0, 360):
        for x, y in zip(lon + turn, lat, strict=True):
            quad = shapely.Polygon(np.stack([x, y], 1))
            near = shapely.intersects(quad, cells)
            weight[near] += shapely.area(shapely.intersection(quad, cells[near])) / 0.25
    np.testing.assert_allclose(found["weight"], weight, atol=1e-6)
    assert weight.any()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_on_the_sphere_weights_are_true_areas(seed):
    rng = np.random.default_rng(seed)
    lon, lat = random_quads(rng, 20, box=(4.0, 60.0, 8.0, 70.0), size=1.5)
    found = grid_arrays(lon, lat, np.ones(20), (0.0, 55.0, 12.0, 75.0), 1.0, area="sphere")
    # In the plane of longitude and sine of latitude, where sides are taken as straight.
    quads = np.stack([np.deg2rad(lon), np.sin(np.deg2rad(lat))], -1)
    rows = np.sin(np.deg2rad(np.arange(55.0, 76.0)))
    cell = np.diff(rows)[:, None] * np.deg2rad(1.0)
    covered = float((found["weight"].to_numpy() * cell).sum())
    assert covered == pytest.approx(
        shapely.area([shapely.Polygon(q) for q in quads]).sum(), rel=1e-5
    )


def test_for_pixels_as_small_as_cells_the_plane_hardly_matters():
    lon, lat = random_quads(np.random.default_rng(3), 400, size=0.08)
    value = np.random.default_rng(4).normal(1e-4, 1e-5, 400)
    means = [grid_arrays(lon, lat, value, (4, 50, 6, 51), 0.05, area=area)["mean"].to_numpy()
             for area in ("degrees", "sphere")]  # fmt: skip
    assert 0 < np.nanmax(np.abs(means[0] / means[1] - 1)) < 1e-2


@pytest.mark.parametrize(
    "change",
    [{"bbox": (4, 50, 4, 51)}, {"bbox": (4, 51, 6, 50)}, {"bbox": (181, 50, 182, 51)},
     {"bbox": (4, 50, 6, 95)}, {"rows": (5, 3)}, {"rows": (-1, 3)}, {"resolution": 0.07}],
)  # fmt: skip
def test_impossible_settings_are_refused(change):
    with pytest.raises(ValueError, match=r"bbox|rows"):
        Grid(**change)
