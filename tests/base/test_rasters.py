"""Windows of rasters: what lies beyond, what the file declares, what is damaged."""

import os
import subprocess
import sys

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from mmaq import OF_OTHERS
from mmaq.base.errors import ProductError
from mmaq.base.rasters import alpha_bands, open_raster, read_pixels


def write(path, values, dtype="uint16", nodata=None, scale=1.0, offset=0.0, mask=None):
    values = np.asarray(values, dtype)
    profile = {
        "driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1],
        "dtype": dtype, "nodata": nodata, "crs": 32631, "transform": from_origin(0, 90, 10, 10),
    }  # fmt: skip
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as data:
        data.write(values, 1)
        data.scales, data.offsets = (scale,), (offset,)
        if mask is not None:
            data.write_mask(np.asarray(mask, bool))
    return path


def read(path, *window):
    with open_raster(path, "Give another") as raster:
        return read_pixels(raster, [1], *window)


def test_a_window_that_leaves_the_raster_is_masked_there(tmp_path):
    path = write(tmp_path / "a.tif", np.arange(1, 10).reshape(3, 3))
    for row, column in ((-1, -1), (2, 2), (-1, 2), (1, -2)):
        pixels = read(path, row, column, 2, 3)
        assert pixels.values.shape == pixels.valid.shape == (1, 2, 3)
        for i in range(2):
            for j in range(3):
                inside = 0 <= row + i < 3 and 0 <= column + j < 3
                expected = 3 * (row + i) + column + j + 1 if inside else np.nan
                np.testing.assert_equal(pixels.values[0, i, j], float(expected))
                assert pixels.valid[0, i, j] == inside


@pytest.mark.parametrize("window", [(3, 0), (-2, 0), (0, 7), (0, -2), (99, -99)])
def test_a_window_beside_the_raster_holds_nothing(tmp_path, window):
    pixels = read(write(tmp_path / "a.tif", np.ones((3, 3))), *window, 2, 2)
    assert not pixels.valid.any()
    assert np.isnan(pixels.values).all()


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("uint16", 65535),
        ("int16", -9999),
        ("uint8", 0),
        ("float32", np.nan),
        ("float32", -3.4028234663852886e38),
    ],
)
def test_declared_nodata_of_any_type_is_no_data(tmp_path, dtype, nodata):
    values = np.array([[5, nodata], [nodata, 7]])
    pixels = read(write(tmp_path / "a.tif", values, dtype, nodata), 0, 0, 2, 2)
    np.testing.assert_array_equal(pixels.valid[0], [[True, False], [False, True]])
    np.testing.assert_array_equal(pixels.values[0], [[5, np.nan], [np.nan, 7]])


def test_what_is_not_finite_is_no_data(tmp_path):
    path = write(tmp_path / "a.tif", [[1.5, np.inf], [np.nan, -2]], "float64")
    np.testing.assert_array_equal(read(path, 0, 0, 2, 2).valid[0], [[True, False], [False, True]])


def test_a_mask_of_the_file_is_obeyed(tmp_path):
    path = write(tmp_path / "a.tif", [[1, 2], [3, 4]], mask=[[1, 0], [1, 1]])
    np.testing.assert_array_equal(read(path, 0, 0, 2, 2).valid[0], [[True, False], [True, True]])


def test_nodata_and_a_mask_of_the_file_are_both_obeyed(tmp_path):
    path = write(tmp_path / "a.tif", [[1, 9], [3, 4]], nodata=9, mask=[[1, 1], [0, 1]])
    np.testing.assert_array_equal(read(path, 0, 0, 2, 2).valid[0], [[True, False], [False, True]])


@pytest.mark.parametrize("nodata", [None, 9])
@pytest.mark.parametrize("bands", [1, 2, 5])
def test_an_alpha_band_is_obeyed_beside_nodata_in_files_of_any_number_of_bands(
    tmp_path, bands, nodata
):
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "count": bands + 1, "height": 1, "width": 3, "dtype": "uint16",
               "nodata": nodata, "crs": 32631, "transform": from_origin(0, 90, 10, 10)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as data:
        data.colorinterp = [*data.colorinterp[:-1], ColorInterp.alpha]
        data.write(np.array([[[5, 6, 9]]] * bands + [[[0, 65535, 1]]], "uint16"))
    with open_raster(path, "Give another") as raster:
        assert alpha_bands(raster) == [bands + 1]
        valid = read_pixels(raster, range(1, bands + 1), 0, 0, 1, 3).valid
    np.testing.assert_array_equal(valid, [[[False, True, nodata is None]]] * bands)


def test_declared_scale_and_offset_are_applied_and_nodata_is_meant_unscaled(tmp_path):
    path = write(tmp_path / "dem.tif", [[123, -32768]], "int16", -32768, scale=0.1, offset=-1)
    np.testing.assert_allclose(read(path, 0, 0, 1, 2).values[0], [[11.3, np.nan]])


def test_what_is_no_raster_is_named(tmp_path):
    (tmp_path / "a.tif").write_text("no raster")
    with pytest.raises(ProductError, match=r"a\.tif: not a readable raster \(.*\)\. Give another"):
        read(tmp_path / "a.tif", 0, 0, 1, 1)
    with pytest.raises(ProductError, match=r"b\.tif: the file does not exist\. Give another\."):
        read(tmp_path / "b.tif", 0, 0, 1, 1)


@pytest.mark.parametrize(("scale", "offset"), [(0.0, 0.0), (np.nan, 0.0), (1.0, np.inf)])
def test_a_scale_that_makes_nothing_of_numbers_is_refused(tmp_path, scale, offset):
    path = write(tmp_path / "a.tif", np.ones((3, 3)), scale=scale, offset=offset)
    with pytest.raises(ProductError, match=rf"a\.tif: declares the scale {scale:g} and the offset"):
        read(path, 0, 0, 2, 2)


def test_complex_numbers_are_refused(tmp_path):
    path = write(tmp_path / "a.tif", np.ones((3, 3)), "complex64")
    with pytest.raises(ProductError, match=r"a\.tif: holds complex numbers"):
        read(path, 0, 0, 2, 2)


def test_another_installation_of_proj_is_not_asked(tmp_path):
    """Its variables are set for all programs; its data base is of another version."""
    (tmp_path / "proj.db").write_bytes(b"SQLite format 3\0 of another version")
    code = "import mmaq, rasterio; print(rasterio.CRS.from_string('EPSG:32632').to_epsg())"
    given = {**os.environ, **dict.fromkeys(OF_OTHERS, str(tmp_path))}
    done = subprocess.run([sys.executable, "-c", code], env=given, check=True,
                          capture_output=True, encoding="utf-8")  # fmt: skip
    assert done.stdout == "32632\n"
