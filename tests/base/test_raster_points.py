"""Windows and points of a raster, in the unit that the file declares."""

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin
from rasterio.windows import Window

from mmaq.base.errors import ProductError
from mmaq.base.rasters import opened_map, read_points, read_window


@pytest.fixture
def path(tmp_path):
    """3 rows of 4 cells of 10 m, in tenths above 100; 255 is no data."""
    values = np.array([[0, 1, 2, 3], [4, 255, 6, 7], [8, 9, 10, 11]], "u1")
    at = tmp_path / "map.tif"
    with rasterio.open(
        at, "w", "GTiff", height=3, width=4, count=1, dtype="uint8", crs=32632, nodata=255,
        transform=from_origin(500.0, 30.0, 10.0, 10.0),
    ) as file:  # fmt: skip
        file.write(values, 1)
        file.scales, file.offsets = (0.1,), (100.0,)
    return at


def test_a_window_beyond_the_edges(path):
    with opened_map(path) as raster:
        found = read_window(raster, Window(-1, 1, 3, 3))
        off = read_window(raster, Window(9, 9, 2, 1))
    expected = [[np.nan, 100.4, np.nan], [np.nan, 100.8, 100.9], [np.nan] * 3]
    np.testing.assert_allclose(found, expected)
    assert off.shape == (1, 2)
    assert np.isnan(off).all()


def test_points(path):
    x, y = np.array([505.0, 515.0, 539.9, 540.0, 505, np.inf]), np.array([25, 15, 0.1, 5, 31, 5])
    with opened_map(path) as raster:
        found = read_points(raster, x, y)
        none = read_points(raster, x[3:], y[3:])
    np.testing.assert_allclose(found, [100.0, np.nan, 101.1, np.nan, np.nan, np.nan])
    assert np.isnan(none).all()


@given(st.lists(st.tuples(st.floats(490, 550), st.floats(-5, 35)), max_size=30))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_points_that_are_read_together_are_those_read_one_by_one(path, monkeypatch, places):
    monkeypatch.setattr("mmaq.base.rasters.TOGETHER", 2)
    x, y = np.array(places).reshape(-1, 2).T
    with opened_map(path) as raster:
        found = read_points(raster, x, y)
        alone = [sample[0] for sample in raster.sample(places, masked=True)]
    expected = [np.nan if value is np.ma.masked else value * 0.1 + 100.0 for value in alone]
    np.testing.assert_allclose(found, expected)


def test_what_is_not_finite_is_no_data(tmp_path):
    at = tmp_path / "inf.tif"
    with rasterio.open(
        at, "w", "GTiff", height=1, width=3, count=1, dtype="float32", crs=4326,
        transform=from_origin(0, 1, 1, 1),
    ) as file:  # fmt: skip
        file.write(np.array([[np.inf, np.nan, 2.0]], "f4"), 1)
    with opened_map(at) as raster:
        np.testing.assert_array_equal(read_window(raster, Window(0, 0, 3, 1)), [[np.nan] * 2 + [2]])


def test_no_raster_is_one_line(tmp_path):
    (tmp_path / "x.tif").write_text("no raster")
    with (
        pytest.raises(ProductError, match="not a readable raster"),
        opened_map(tmp_path / "x.tif"),
    ):
        pass
