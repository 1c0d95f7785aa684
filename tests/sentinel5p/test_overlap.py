"""The kernel against shapely, and what must not change its sums."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.config.data import Grid
from mmaq.sentinel5p import accumulator, overlap
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from tests.sentinel5p.granules import make_footprints, random_quads

BOX = (4.0, 50.0, 6.0, 51.5)
seeds = st.integers(0, 2**32 - 1)


def sums_of(lon, lat, value=None, sigma=None, bbox=BOX, resolution=0.05):
    sums = Accumulator.empty(RegularGrid.from_config(Grid(bbox=bbox, resolution=resolution)))
    lon = np.asarray(lon, float).reshape(-1, 4)
    value = np.ones(len(lon)) if value is None else value
    sums.add(make_footprints(lon, lat, value, sigma))
    return sums


def cells_of(grid):
    lon, lat = grid.longitude_edges(), grid.latitude_edges()
    boxes = shapely.box(lon[None, :-1], lat[:-1, None], lon[None, 1:], lat[1:, None])
    return np.asarray(boxes)


def reference(lon, lat, value, sigma, grid):
    """Weight, weighted, variance and count from shapely's polygon intersection."""
    cells = cells_of(grid)
    out = np.zeros((4, *grid.shape))
    for x, y, v, s in zip(lon, lat, value, sigma, strict=True):
        quad = shapely.Polygon(np.stack([x, y], 1))
        w = shapely.area(shapely.intersection(quad, cells)) / grid.resolution**2
        out += [w, w * v, (w * s) ** 2, w > 1e-12]
    return out


@pytest.mark.parametrize("size", [0.01, 0.08, 0.9])
def test_sums_agree_with_shapely(size):
    rng = np.random.default_rng(int(size * 100))
    lon, lat = random_quads(rng, 60, size=size)
    value, sigma = rng.normal(1e-4, 1e-4, 60), rng.uniform(1e-6, 1e-5, 60)
    sums = sums_of(lon, lat, value, sigma)
    weight, weighted, variance, count = reference(lon, lat, value, sigma, sums.grid)
    np.testing.assert_allclose(sums.cells["weight"], weight, atol=1e-9)
    np.testing.assert_allclose(sums.cells["weighted"], weighted, atol=1e-13)
    np.testing.assert_allclose(sums.cells["variance"], variance, atol=1e-18)
    np.testing.assert_array_equal(sums.cells["count"], count)
    assert sums.cells["weight"].any()


def test_a_concave_footprint_agrees_with_shapely():
    lon, lat = [[4.2, 5.1, 4.5, 4.6]], [[50.3, 50.4, 50.5, 51.2]]
    sums = sums_of(lon, lat)
    weight = reference(lon, lat, [1.0], [0.0], sums.grid)[0]
    np.testing.assert_allclose(sums.cells["weight"], weight, atol=1e-9)


def test_a_footprint_on_cell_edges_touches_no_neighbour():
    sums = sums_of([4.25, 4.40, 4.40, 4.25], [50.10, 50.10, 50.25, 50.25])
    assert sums.cells["count"].sum() == 9
    np.testing.assert_allclose(sums.cells["weight"][sums.cells["count"] > 0], 1, atol=1e-9)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_a_constant_field_stays_constant(seed):
    rng = np.random.default_rng(seed)
    lon, lat = random_quads(rng, 50)
    mean = sums_of(lon, lat, np.full(50, 1.7e-4)).mean()
    np.testing.assert_allclose(mean[np.isfinite(mean)], 1.7e-4, rtol=1e-12)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_a_box_that_holds_all_conserves_value_times_area(seed):
    rng = np.random.default_rng(seed)
    lon, lat = random_quads(rng, 40, margin=-0.25)
    value = rng.normal(size=40)
    sums = sums_of(lon, lat, value)
    area = shapely.area([shapely.Polygon(np.stack(c, 1)) for c in zip(lon, lat, strict=True)])
    cell = sums.grid.resolution**2
    assert sums.cells["weighted"].sum() * cell == pytest.approx((value * area).sum(), abs=1e-10)
    assert (sums.mean() * sums.cells["weight"])[
        sums.cells["weight"] > 0
    ].sum() * cell == pytest.approx((value * area).sum(), abs=1e-10)


@given(seeds, st.integers(0, 3), st.booleans())
@settings(max_examples=25, deadline=None)
def test_first_corner_and_orientation_do_not_matter(seed, first, reverse):
    rng = np.random.default_rng(seed)
    lon, lat = random_quads(rng, 30)
    value = rng.normal(size=30)
    order = np.roll(np.arange(4), first)[:: -1 if reverse else 1]
    one, other = sums_of(lon, lat, value), sums_of(lon[:, order], lat[:, order], value)
    np.testing.assert_allclose(one.cells["weight"], other.cells["weight"], atol=1e-12)
    np.testing.assert_allclose(one.cells["weighted"], other.cells["weighted"], atol=1e-12)
    np.testing.assert_array_equal(one.cells["count"], other.cells["count"])


@pytest.mark.parametrize("turns", [-1, 1])
def test_longitudes_may_be_in_another_turn(turns):
    lon, lat = random_quads(np.random.default_rng(0), 30, box=(-5, 0, 0, 5), size=0.6)
    box = (-5.0, 0.0, 5.0, 5.0)
    one, other = sums_of(lon, lat, bbox=box), sums_of(lon + 360 * turns, lat, bbox=box)
    np.testing.assert_allclose(one.cells["weight"], other.cells["weight"], atol=1e-9)
    assert one.used == other.used > 0


@pytest.mark.parametrize("bbox", [(-180, 0, -178, 2), (178, 0, 180, 2)])
def test_a_footprint_across_the_antimeridian_falls_on_either_side(bbox):
    lon, lat = np.array([[179.7, -179.6, -179.5, 179.8]]), np.array([[0.5, 0.5, 1.0, 1.0]])
    sums = sums_of(lon, lat, bbox=bbox)
    flat = sums_of(np.where(lon < 0, lon + 360, lon) - 360 * (bbox[0] < 0), lat, bbox=bbox)
    np.testing.assert_allclose(sums.cells["weight"], flat.cells["weight"], atol=1e-9)
    assert sums.cells["weight"].sum() * 0.05**2 == pytest.approx(
        0.5 * (0.25 if bbox[0] > 0 else 0.45)
    )


def test_on_a_global_grid_both_sides_get_their_share_and_the_footprint_counts_once():
    lon, lat = [[179.5, -179.5, -179.5, 179.5]], [[10.0, 10.0, 11.0, 11.0]]
    sums = sums_of(lon, lat, bbox=(-180, -90, 180, 90), resolution=1.0)
    assert sums.cells["weight"][100, 0] == pytest.approx(0.5)
    assert sums.cells["weight"][100, -1] == pytest.approx(0.5)
    assert (sums.used, sums.cells["count"].sum()) == (1, 2)


@pytest.mark.parametrize(
    ("lon", "lat"),
    [
        ([4.5, 4.7, 4.5, 4.7], [50.5, 50.5, 50.7, 50.7]),  # crossed sides
        ([4.5, 4.5, 4.7, 4.7], [50.5, 50.7, 50.5, 50.7]),  # the other pair crossed
        ([4.5, 4.6, 4.7, 4.8], [50.5, 50.6, 50.7, 50.8]),  # on one line
        ([4.5, 4.5, 4.5, 4.5], [50.5, 50.5, 50.5, 50.5]),  # one point
        ([0.0, 90.0, 180.0, -90.0], [88.0, 88.0, 88.0, 88.5]),  # around the pole
        ([4.5, 4.7, 4.7, np.nan], [50.5, 50.5, 50.7, 50.7]),
        ([4.5, 4.7, 4.7, 9.97e36], [50.5, 50.5, 50.7, 50.7]),
        ([4.5, 4.7, 4.7, 4.5], [50.5, 50.5, 95.0, 50.7]),
    ],
)
def test_malformed_footprints_are_refused_and_counted(lon, lat):
    sums = sums_of([lon, [4.5, 4.7, 4.7, 4.5]], [lat, [50.5, 50.5, 50.7, 50.7]])
    assert (sums.used, sums.refused.total()) == (1, 1)
    assert sums.cells["weight"].sum() == pytest.approx(16)


def test_a_triangle_is_a_footprint():
    sums = sums_of([4.5, 4.7, 4.7, 4.7], [50.5, 50.5, 50.7, 50.7])
    assert sums.cells["weight"].sum() == pytest.approx(8)


def test_a_footprint_off_the_grid_is_neither_used_nor_refused():
    sums = sums_of([[14.5, 14.7, 14.7, 14.5]] * 2, [[50.5, 50.5, 50.7, 50.7], [60, 60, 61, 61]])
    assert (sums.used, sums.refused.total(), sums.cells["weight"].any()) == (0, 0, False)


def test_the_compiled_kernel_gives_what_its_python_source_gives(monkeypatch):
    lon, lat = random_quads(np.random.default_rng(5), 40, size=0.3)
    lon[0, 0] = np.nan
    lon[1], lat[1] = lon[1, [0, 2, 1, 3]], lat[1, [0, 2, 1, 3]]
    compiled = sums_of(lon, lat)
    inner = ("_limits", "_add_to_cell", "_cover_row", "_cover_side", "_signed_area", "_is_twisted")
    for name in (*inner, "_cross", "_side"):
        monkeypatch.setattr(overlap, name, getattr(overlap, name).py_func)

    def kernel(*arguments):
        *others, cells = arguments
        return overlap.add_footprints.py_func(*others, cells.view(np.recarray))

    monkeypatch.setattr(accumulator, "add_footprints", kernel)
    interpreted = sums_of(lon, lat)
    np.testing.assert_allclose(compiled.cells["weight"], interpreted.cells["weight"], atol=1e-12)
    np.testing.assert_array_equal(compiled.cells["count"], interpreted.cells["count"])
    assert compiled.refused == interpreted.refused
    assert compiled.refused.total() == 2
