"""Cells of a map: snapped, named, and the same for every area and tiling."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from mmaq.base.errors import ConfigError
from mmaq.map.grid import BATCH, EUROPE, MapGrid, Square, system_of

BOX = (6.0, 49.4, 6.3, 49.6)
BOXES = st.builds(
    lambda lon, lat, width, height: (lon, lat, lon + width, lat + height),
    st.floats(-9, 30), st.floats(36, 68), st.floats(0.01, 0.2), st.floats(0.01, 0.2),
)  # fmt: skip


@pytest.mark.parametrize(
    ("box", "epsg"),
    [
        (BOX, EUROPE), ((-58.6, -34.8, -58.2, -34.4), 32721), ((139.0, 35.0, 140.0, 36.0), 32654),
        ((179.0, 51.0, 180.0, 52.0), 32660),
    ],
)  # fmt: skip
def test_the_system_is_europes_or_the_utm_zone(box, epsg):
    assert system_of(box) == epsg


@pytest.mark.parametrize("box", [(20.0, 54.0, 60.0, 60.0), (-79.5, 25.0, -66.0, 49.0)])
def test_a_box_too_wide_for_a_utm_zone_is_refused(box):
    with pytest.raises(ConfigError, match=r"map\.areas: .* more than 6 degrees from .* UTM zone"):
        MapGrid.of(box, 1000.0)


def test_cells_have_the_surface_of_their_quadrangle_on_the_ellipsoid():
    """6 degrees from the middle of the zone, where a side of 20 km is 0.5 % too long."""
    grid, earth = MapGrid.of((-63.0, -1.0, -51.2, 1.0), 20_000.0), Geod(ellps="WGS84")
    surfaces = grid.surfaces()
    for row, column in ((0, 0), (grid.rows // 2, grid.columns // 2), (grid.rows - 1, 3)):
        down, right = np.array([0, 0, 1, 1]) - 0.5, np.array([0, 1, 1, 0]) - 0.5
        corners = grid.degrees(row + down, column + right)
        area = abs(earth.polygon_area_perimeter(*corners.T)[0]) / 1e6
        assert surfaces[row, column] == pytest.approx(area, rel=1e-4)
    assert surfaces.min() < 0.992 * 400.0 < 400.0 < surfaces.max()
    assert MapGrid.of(BOX, 200.0).surfaces() == (200.0 / 1000.0) ** 2


def test_cells_are_counted_without_being_made():
    grid = MapGrid.of(BOX, 100.0)
    (whole,) = grid.tiles(10_000)
    cells, mask = grid.cells(whole), grid.mask()
    assert grid.count() == len(cells) == mask.sum() < grid.rows * grid.columns
    assert mask[cells["row"], cells["column"]].all()


def test_cells_of_a_kilometre_are_those_of_the_eea():
    """The cell that holds the middle of Luxembourg's station square: 1kmE4040N2955 in both."""
    grid = MapGrid.of(BOX, 1000.0)
    cells = grid.cells(Square(0, 0, grid.rows, grid.columns))
    x, y = Transformer.from_crs(4326, EUROPE, always_xy=True).transform(cells["lon"], cells["lat"])
    np.testing.assert_allclose(np.mod(x, 1000), 500, atol=1e-3)
    np.testing.assert_allclose(np.mod(y, 1000), 500, atol=1e-3)
    first = cells.iloc[0]
    south, west = (int(np.floor(side[0] / 1000) * 1000) for side in (y, x))
    assert first["site_id"] == f"CRS3035RES1000mN{south}E{west}"


@settings(max_examples=10, deadline=None)
@given(box=BOXES, resolution=st.sampled_from([100.0, 250.0, 1000.0]))
def test_every_cell_whose_centre_is_in_the_area_is_in_one_tile_and_one_batch(box, resolution):
    grid = MapGrid.of(box, resolution)
    whole = grid.cells(Square(0, 0, grid.rows, grid.columns))
    for side in (BATCH, 4 * BATCH):
        cut = pd.concat([grid.cells(tile) for tile in grid.tiles(side)])
        assert sorted(cut["site_id"]) == sorted(whole["site_id"])
    batches = {batch for tile in grid.tiles(4 * BATCH) for batch in grid.tiles(BATCH, tile)}
    assert batches == set(grid.tiles(BATCH)), "batches are the same whatever the tiles are"
    inside = whole[["lon", "lat"]].to_numpy()
    assert (inside >= np.array(box[:2]) - 1e-6).all()
    assert (inside <= np.array(box[2:]) + 1e-6).all()


@settings(max_examples=10, deadline=None)
@given(box=BOXES, shift=st.floats(-0.1, 0.1))
def test_two_areas_have_the_same_cells_where_they_overlap(box, shift):
    other = (box[0] + shift, box[1], box[2] + shift, box[3])
    both = []
    for each in (box, other):
        grid = MapGrid.of(each, 250.0)
        both.append(grid.cells(Square(0, 0, grid.rows, grid.columns)).set_index("site_id"))
    one, two = both
    west, east = max(box[0], other[0]), min(box[2], other[2])
    shared = one[one["lon"].between(west, east)]
    assert set(shared.index) <= set(two.index)
    np.testing.assert_allclose(
        two.loc[shared.index, ["lon", "lat"]], shared[["lon", "lat"]], atol=1e-9
    )
