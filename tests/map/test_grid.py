"""Cells of a map: snapped, named, and the same for every area and tiling."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

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


def test_cells_are_counted_without_being_made():
    grid = MapGrid.of(BOX, 100.0)
    (whole,) = grid.tiles(10_000)
    assert grid.count() == len(grid.cells(whole)) < grid.rows * grid.columns


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
