"""Roads cut into pieces, land cover, and what surrounds a point, against shapely and sums."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.simulate.world.cover import COVER, building_texture
from mmaq.simulate.world.grid import Grid
from mmaq.simulate.world.local import SCALES, distances, surroundings
from mmaq.simulate.world.pieces import CELL, cut_roads, distance_to_piece, line_kernel
from mmaq.simulate.world.roads import Roads

metres = st.floats(-2000, 2000)


def lines_of(world):
    roads = world.roads
    owner = np.repeat(np.arange(len(roads)), np.diff(roads.start))
    return shapely.linestrings(np.column_stack([roads.x, roads.y]), indices=owner)


@settings(deadline=None)
@given(metres, metres, metres, metres)
def test_distance_matches_shapely(xa, ya, xb, yb):
    line = shapely.linestrings([[xa, ya], [xb, yb]])
    expected = shapely.distance(shapely.points(10.0, -20.0), line)
    assert distance_to_piece(10.0, -20.0, xa, ya, xb, yb) == pytest.approx(expected, abs=1e-6)


@settings(deadline=None)
@given(metres, metres, metres, metres, st.floats(0.05, 0.95))
def test_line_kernel_does_not_feel_a_cut(xa, ya, xb, yb, share):
    xm, ym = xa + share * (xb - xa), ya + share * (yb - ya)
    whole = line_kernel(0.0, 0.0, xa, ya, xb, yb, 150.0)
    parts = line_kernel(0.0, 0.0, xa, ya, xm, ym, 150.0) + line_kernel(
        0.0, 0.0, xm, ym, xb, yb, 150.0
    )
    # Beyond five widths across, the kernel (under 4e-6 of its peak) counts as nothing.
    assert parts == pytest.approx(whole, abs=2e-8)


def test_line_kernel_matches_a_numerical_integral():
    t = (np.arange(20_000) + 0.5) / 20_000
    x, y = 30.0 + t * 200.0, -40.0 + t * 130.0
    length = np.hypot(200.0, 130.0)
    density = np.exp(-(x**2 + y**2) / (2 * 55.0**2)) / (2 * np.pi * 55.0**2)
    found = line_kernel(0.0, 0.0, 30.0, -40.0, 230.0, 90.0, 55.0)
    assert found == pytest.approx(density.mean() * length, rel=1e-6)


def test_a_point_without_length_has_no_traffic():
    assert line_kernel(0.0, 0.0, 5.0, 5.0, 5.0, 5.0, 20.0) == 0.0


def test_pieces_keep_every_road_and_lie_in_their_cells(world):
    pieces = world.pieces
    length = np.bincount(pieces.road, pieces.length, len(world.roads))
    np.testing.assert_allclose(length, shapely.length(lines_of(world)), rtol=1e-4, atol=0.1)
    cell = np.repeat(np.arange(len(pieces.first) - 1), np.diff(pieces.first))
    row, column = np.divmod(cell, pieces.grid.columns)
    for x, which in ((pieces.xa, column), (pieces.xb, column), (pieces.ya, row), (pieces.yb, row)):
        assert (x > which * CELL - 0.1).all()
        assert (x < (which + 1) * CELL + 0.1).all()


def test_cover_sums_to_one_everywhere(world):
    west, south, east, north = world.bounds
    points = np.random.default_rng(0).uniform([west, south], [east, north], (20_000, 2))
    cover = world.cover(points[:, 0], points[:, 1])
    assert cover.shape == (20_000, len(COVER))
    assert cover.dtype == np.float32
    assert cover.min() >= 0.0
    np.testing.assert_allclose(cover.sum(axis=1), 1.0, atol=1e-5)
    assert (cover.max(axis=0) > 0.2).all(), "every class occurs"


def test_cover_beyond_the_world_still_sums_to_one(world):
    cover = world.cover(np.array([300e3, 700e3]), np.array([5500e3, 6000e3]))
    np.testing.assert_allclose(cover.sum(axis=1), 1.0, atol=1e-5)


def test_asphalt_is_where_the_roads_are_and_as_wide(world):
    motorways = np.flatnonzero(world.roads.kind == 0)
    line = lines_of(world)[motorways[0]]
    width = world.roads.width[motorways[0]]
    on = shapely.get_coordinates(shapely.line_interpolate_point(line, [0.31, 0.47], True))
    cover = world.cover(on[:, 0], on[:, 1])
    np.testing.assert_allclose(cover[:, COVER.index("asphalt")], 1.0, atol=1e-5)
    far = np.array([[480_000.0, 5_880_000.0]])
    away = shapely.distance(shapely.points(far), line)[0]
    assert away > width


def test_open_sea_is_water(world):
    west, _, _, north = world.bounds
    assert world.cover(np.array([west + 30e3]), np.array([north - 300.0]))[0, 0] == 1.0
    assert world.elevation(np.array([west + 30e3]), np.array([north - 300.0]))[0] == 0.0


def test_towns_are_built_up_and_the_country_is_not(world):
    rows, columns = np.unravel_index(np.argsort(world.population.ravel())[-20:], world.grid.shape)
    x, y = (axis[rows, columns] for axis in world.grid.centres())
    town = world.cover(x, y)[:, COVER.index("built")].mean()
    rng = np.random.default_rng(1)
    around = world.cover(rng.uniform(480e3, 520e3, 500), rng.uniform(5.88e6, 5.90e6, 500))
    assert town > 3 * around[:, COVER.index("built")].mean()


def test_greenness_lies_in_its_range_and_varies(world):
    rng = np.random.default_rng(2)
    green = world.greenness(rng.uniform(480e3, 520e3, 500), rng.uniform(5.88e6, 5.90e6, 500))
    assert 0.0 <= green.min() < green.max() <= 1.0
    assert green.std() > 0.05


def test_distances_match_shapely(world):
    sites = world.sites.iloc[:30]
    main, busy = distances(world, sites["x"].to_numpy(), sites["y"].to_numpy())
    lines, roads = lines_of(world), world.roads
    points = shapely.points(sites[["x", "y"]].to_numpy())
    for found, which in ((main, roads.kind < 3), (busy, roads.volume >= 4000.0)):
        expected = shapely.distance(points[:, None], lines[which][None]).min(axis=1)
        near = expected < 500.0
        np.testing.assert_allclose(found[near], expected[near], atol=0.2)
        assert (found[~near] >= 500.0).all()


def test_traffic_density_over_one_straight_road():
    """At the kerb of a long road the density is volume x the 1-D Gaussian across it."""
    roads = Roads(
        np.array([0, 2]), np.array([0.0, 10e3]), np.array([5e3, 5e3]), np.array([1], np.int8),
        np.array([20_000.0]), np.array([18.0]),
    )  # fmt: skip

    class Straight:
        pass

    land = Straight()
    grid = Grid(0.0, 10e3, 500.0, 20, 20)
    land.roads, land.pieces, land.grid, land.key = roads, cut_roads(roads, grid), grid, 7
    land.land = Straight()
    land.land.building = np.full(grid.shape, 0.5, np.float32)
    land.relative = lambda x, y: (x - grid.west, grid.north - y)
    about = surroundings(land, np.array([5e3, 5e3]), np.array([5012.0, 5040.0]))
    for s, sigma in enumerate(SCALES):
        expected = 20_000 * np.exp(-(np.array([12.0, 40.0]) ** 2) / (2 * sigma**2))
        expected /= np.sqrt(2 * np.pi) * sigma
        # Pieces beyond the search radius (600 m) are not met: four widths of the widest scale.
        np.testing.assert_allclose(about.street[:, s], expected, rtol=1e-3)
    np.testing.assert_allclose(about.road_distance, [12.0, 40.0], atol=0.01)
    assert about.asphalt[0] > about.asphalt[1] > 0.0
    assert (about.built > 0).all()


def test_building_texture_keeps_the_mean_density():
    points = np.random.default_rng(0).uniform(0, 6e5, (20_000, 2))
    texture = [building_texture(x, y, 5) for x, y in points]
    assert np.mean(texture) == pytest.approx(1.0, abs=0.05)
    assert np.min(texture) > 0
