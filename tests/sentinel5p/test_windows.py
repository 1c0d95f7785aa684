"""Windows around sites: where they lie, and what is masked."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.base.errors import ProductError
from mmaq.config.data import Grid
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.level3 import read_level3, write_level3
from mmaq.sentinel5p.windows import cut_windows

CONFIG = Grid(bbox=(4.0, 50.0, 5.0, 50.8), resolution=0.1)  # 10 columns, 8 rows


def write_mean(path, mean, units="mol m-2", config=CONFIG):
    sums = Accumulator.empty(RegularGrid.from_config(config))
    sums.cells["weight"] = np.isfinite(mean)
    sums.cells["weighted"] = np.nan_to_num(mean)
    sums.units = units
    write_level3(path, sums, config)
    return path


@pytest.fixture
def l3(tmp_path):
    """A mean whose value is 10 row + column + 1, rows from the south."""
    return write_mean(tmp_path / "l3.nc", np.add.outer(np.arange(8) * 10.0, np.arange(10)) + 1)


def test_an_odd_window_is_centred_on_the_cell_and_north_comes_first(l3):
    values, mask = cut_windows(l3, np.array([4.35]), np.array([50.45]), 3)
    np.testing.assert_array_equal(values[0], [[53, 54, 55], [43, 44, 45], [33, 34, 35]])
    assert (values.dtype, mask.dtype, mask.sum()) == (np.float32, np.uint8, 9)


@pytest.mark.parametrize(
    ("lon", "lat", "south_west"),
    [(4.32, 50.42, 22), (4.38, 50.42, 23), (4.32, 50.48, 32), (4.38, 50.48, 33)],
)
def test_an_even_window_has_the_nearest_corner_in_its_middle(l3, lon, lat, south_west):
    """The site's cell is 44; its quarter decides which corner of it the middle is."""
    values, mask = cut_windows(l3, np.array([lon]), np.array([lat]), 4)
    first = np.arange(4.0) + south_west
    np.testing.assert_array_equal(values[0], first + 10.0 * np.arange(3, -1, -1)[:, None])
    assert mask.all()


@pytest.mark.parametrize("size", [1, 2, 3, 16])
def test_the_middle_of_a_window_is_the_site(tmp_path, size):
    """On average exactly, and never further off than half a cell on an axis.

    With the site's cell at [size // 2, size // 2] an even window's middle was half a cell north
    and half a cell west of the site on average, and up to a whole cell.
    """
    columns, rows = np.arange(4.05, 5, 0.1), np.arange(50.05, 50.8, 0.1)
    east = write_mean(tmp_path / "east.nc", np.tile(columns, (8, 1)))
    north = write_mean(tmp_path / "north.nc", np.tile(rows[:, None], (1, 10)))
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(4.4, 4.6, 4000), rng.uniform(50.3, 50.5, 4000)
    middle = slice((size - 1) // 2, size // 2 + 1)
    for path, site in ((east, lon), (north, lat)):
        values, _ = cut_windows(path, lon, lat, size)
        offset = (values[:, middle, middle].mean((1, 2)) - site) / 0.1
        assert abs(offset.mean()) < 0.02
        assert abs(offset).max() < 0.5 + 1e-4


@pytest.mark.parametrize("lon", [179.97, -180.03, -179.97, 180.03])
@pytest.mark.parametrize("bbox", [(179.0, 50.0, -179.0, 50.8), (-180.0, 50.0, 180.0, 50.8)])
def test_a_window_goes_on_across_the_antimeridian(tmp_path, lon, bbox):
    """Also across the seam of a grid that covers a whole turn."""
    config = Grid(bbox=bbox, resolution=0.1)
    grid = RegularGrid.from_config(config)
    longitudes = (grid.longitude_edges()[:-1] + 0.05) % 360
    l3 = write_mean(tmp_path / "l3.nc", np.tile(longitudes, (8, 1)), config=config)
    values, mask = cut_windows(l3, np.array([lon]), np.array([50.41]), 4)
    assert mask.all()
    np.testing.assert_allclose(values[0, 0], [179.85, 179.95, 180.05, 180.15], rtol=1e-6)


@pytest.mark.parametrize(
    ("lon", "lat", "inside"),
    [
        (4.01, 50.01, (slice(0, 2), slice(2, 4))),  # its middle is the grid's southwest corner
        (4.99, 50.79, (slice(2, 4), slice(0, 2))),  # northeast corner
        (4.06, 50.74, (slice(1, 4), slice(1, 4))),  # one cell in from the northwest corner
    ],
)
def test_an_even_window_at_the_edge_is_masked_beyond_it(l3, lon, lat, inside):
    _, mask = cut_windows(l3, np.array([lon]), np.array([lat]), 4)
    expected = np.zeros((4, 4), np.uint8)
    expected[inside] = 1
    np.testing.assert_array_equal(mask[0], expected)


@pytest.mark.parametrize(
    ("lon", "lat", "inside"),
    [
        (4.05, 50.05, (slice(0, 2), slice(1, 3))),  # southwest corner
        (4.95, 50.75, (slice(1, 3), slice(0, 2))),  # northeast corner
        (3.95, 50.45, (slice(0, 3), slice(2, 3))),  # one cell off the grid in the west
    ],
)
def test_cells_off_the_grid_are_masked(l3, lon, lat, inside):
    values, mask = cut_windows(l3, np.array([lon]), np.array([lat]), 3)
    expected = np.zeros((3, 3), np.uint8)
    expected[inside] = 1
    np.testing.assert_array_equal(mask[0], expected)
    assert (values[0][expected == 0] == 0).all()
    assert (values[0][expected == 1] > 0).all()


def test_a_site_far_off_gets_an_empty_window(l3):
    values, mask = cut_windows(l3, np.array([40.0, -170.0]), np.array([-30.0, 89.0]), 16)
    assert values.shape == mask.shape == (2, 16, 16)
    assert not values.any()
    assert not mask.any()


def test_missing_cells_are_masked_with_zero(tmp_path):
    mean = np.ones((8, 10))
    mean[4, 3] = np.nan
    l3 = write_mean(tmp_path / "l3.nc", mean)
    values, mask = cut_windows(l3, np.array([4.35]), np.array([50.45]), 3)
    assert (mask[0, 1, 1], values[0, 1, 1], mask.sum()) == (0, 0, 8)


def test_sites_are_cut_in_their_order(l3):
    lon, lat = np.array([4.75, 4.15, 4.75]), np.array([50.25, 50.65, 50.25])
    values, _ = cut_windows(l3, lon, lat, 1)
    np.testing.assert_array_equal(values[:, 0, 0], [28, 62, 28])


def test_no_sites_give_no_windows(l3):
    values, mask = cut_windows(l3, np.array([]), np.array([]), 5)
    assert values.shape == mask.shape == (0, 5, 5)


def test_another_unit_is_refused(tmp_path):
    l3 = write_mean(tmp_path / "l3.nc", np.ones((8, 10)), units="1e-9")
    with pytest.raises(ProductError, match=r"l3\.nc: the mean is in '1e-9', not in mol m-2"):
        cut_windows(l3, np.array([4.5]), np.array([50.5]), 3)


def test_what_is_no_mean_is_refused(tmp_path, l3, granule):
    with pytest.raises(ProductError, match=r"absent\.nc: the file does not exist\. Make it"):
        read_level3(tmp_path / "absent.nc")
    with pytest.raises(ProductError, match=r"not a level-3 mean"):
        read_level3(granule)
    l3.write_bytes(l3.read_bytes()[:4000])
    with pytest.raises(ProductError, match=r"l3\.nc: not a level-3 mean"):
        read_level3(l3)
