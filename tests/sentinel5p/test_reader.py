"""Both layouts, what is left out, and what is refused in one line."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest

from mmaq.base.errors import ProductError
from mmaq.config.data import Grid
from mmaq.sentinel5p.granule import describe_granule
from mmaq.sentinel5p.reader import read_granule
from tests.sentinel5p.granules import COLUMN, SLANT, product_name, swath, write_granule

SICILY = "s5p/tropomi_sicily_channel"
HARP_SLANT = "NO2_slant_column_number_density"


def read(path, variable=COLUMN, qa=0.75, **filters):
    return read_granule(path, Grid(variable=variable, qa=qa, **filters))


def refusal(path, variable=COLUMN):
    with pytest.raises(ProductError) as caught:
        read(path, variable)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def write_small(path, **changes):
    lon, lat = swath(3, 2)
    value = np.linspace(1e-5, 6e-5, 6).reshape(3, 2)
    arrays = {"value": value, "lon": lon, "lat": lat, "sigma": value / 4} | changes
    return write_granule(path, **arrays)


def write_harp(path, validities=("tropospheric_NO2_column_number_density_validity",), **attributes):
    lon, lat = swath(3, 2)
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as data:
        data.setncatts({"Conventions": "HARP-1.0"} | attributes)
        data.createDimension("time", 6)
        data.createDimension("independent_4", 4)
        for key, array in (("longitude_bounds", lon), ("latitude_bounds", lat)):
            data.createVariable(key, "f4", ("time", "independent_4"))[:] = array.reshape(6, 4)
        column = data.createVariable(HARP_SLANT, "f4", ("time",))
        column[:], column.units = np.arange(6) * 1e-5, "mol/m^2"
        uncertainty = data.createVariable(f"{HARP_SLANT}_uncertainty", "f4", ("time",))
        uncertainty[:] = 1e-6
        for key in validities:
            data.createVariable(key, "i1", ("time",))[:] = [0, 75, 76, 100, -1, 74]
    return path


def test_an_official_granule_is_read_as_it_was_written(tmp_path):
    lon, lat = swath(3, 2)
    pixels = read(write_small(tmp_path / "a.nc"))
    np.testing.assert_allclose(pixels.value, np.linspace(1e-5, 6e-5, 6), rtol=1e-6)
    np.testing.assert_allclose(pixels.sigma, pixels.value / 4, rtol=1e-6)
    np.testing.assert_allclose(pixels.longitude, lon.reshape(6, 4), atol=1e-5)
    np.testing.assert_allclose(pixels.latitude, lat.reshape(6, 4), atol=1e-5)
    assert (pixels.units, pixels.pixels) == ("mol m-2", 6)
    assert pixels.granule.name == product_name()
    assert (pixels.granule.processor, pixels.granule.collection) == ("2.4.0", "03")
    assert pixels.granule.start == "2021-01-01T11:00:00Z"


def test_a_slant_column_is_found_among_the_detailed_results(tmp_path):
    pixels = read(write_small(tmp_path / "a.nc"), SLANT)
    np.testing.assert_allclose(pixels.value, 2 * np.linspace(1e-5, 6e-5, 6), rtol=1e-6)
    assert np.isnan(pixels.sigma).all()


def test_quality_must_exceed_the_threshold_and_fill_does_not(tmp_path):
    qa = np.array([[75, 76], [100, 74], [255, 0]])
    pixels = read(write_small(tmp_path / "a.nc", qa=qa))
    np.testing.assert_allclose(pixels.value, [2e-5, 3e-5], rtol=1e-6)


@pytest.mark.parametrize("percent", range(1, 100))
def test_no_threshold_lets_its_own_quality_pass(tmp_path, percent):
    qa = np.array([[percent] * 2, [percent + 1] * 2, [percent - 1] * 2])
    path = write_small(tmp_path / "a.nc", qa=qa)
    np.testing.assert_allclose(read(path, qa=percent / 100).value, [3e-5, 4e-5], 1e-6)


def test_pixels_with_a_missing_value_are_left_out_and_missing_corners_are_told(tmp_path):
    lon, lat = swath(3, 2)
    value = np.arange(6.0).reshape(3, 2)
    value[0, 0] = np.nan
    lon[1, 0, 2] = np.nan
    lat[2, 1, 3] = np.nan
    pixels = read(write_small(tmp_path / "a.nc", value=value, lon=lon, lat=lat), qa=0)
    np.testing.assert_array_equal(pixels.value, [1, 2, 3, 4, 5])
    missing = np.isnan(pixels.longitude).any(axis=1) | np.isnan(pixels.latitude).any(axis=1)
    np.testing.assert_array_equal(pixels.value[missing], [2, 5])
    assert pixels.pixels == 6


def test_a_cloudy_granule_is_valid_and_gives_nothing(tmp_path):
    pixels = read(write_small(tmp_path / "a.nc", qa=np.full((3, 2), 20)))
    assert (len(pixels.value), pixels.pixels) == (0, 6)


def test_numbers_beyond_the_valid_range_are_no_data(tmp_path):
    path = write_small(tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["PRODUCT"][COLUMN].valid_range = np.array([1.5e-5, 4.5e-5], "f4")
    np.testing.assert_allclose(read(path).value, [2e-5, 3e-5, 4e-5], rtol=1e-6)


def test_places_and_precisions_in_other_units_are_refused(tmp_path):
    path = write_small(tmp_path / "a.nc")
    with netCDF4.Dataset(path, "a") as data:
        data["PRODUCT"][f"{COLUMN}_precision"].units = "%"
    assert f"{COLUMN}_precision is in '%' and its column in 'mol m-2'" in refusal(path)
    with netCDF4.Dataset(path, "a") as data:
        data["PRODUCT/SUPPORT_DATA/GEOLOCATIONS/latitude_bounds"].units = "radian"
    assert "latitude_bounds is in 'radian'" in refusal(path)


def test_a_granule_without_precision_has_an_unknown_sigma(tmp_path):
    pixels = read(write_small(tmp_path / "a.nc", sigma=None))
    assert np.isnan(pixels.sigma).all()


def test_a_harp_file_takes_the_validity_of_the_species(tmp_path):
    path = write_harp(tmp_path / "b.nc", source_product=product_name(day=7, version="020301"))
    pixels = read(path, HARP_SLANT)
    np.testing.assert_allclose(pixels.value, [2e-5, 3e-5], rtol=1e-6)
    np.testing.assert_allclose(pixels.sigma, 1e-6, rtol=1e-6)
    assert pixels.units == "mol m-2"
    assert pixels.granule.processor == "2.3.1"


def test_a_harp_file_without_a_source_goes_by_its_own_name(tmp_path):
    granule = read(write_harp(tmp_path / "mine.nc"), HARP_SLANT).granule
    assert str(granule) == "mine (processor unknown, collection unknown)"


def test_a_name_tells_version_and_collection():
    name = "S5P_RPRO_L2__SO2____20180514T110748_20180514T124918_03023_93_020401_20230116T051959.nc"
    granule = describe_granule(name)
    assert granule.name == name[:-3]
    assert (granule.processor, granule.collection) == ("2.4.1", "93")


@pytest.mark.parametrize(
    ("omit", "fault"),
    [
        ((COLUMN,), f"L2__NO2___ has no variable {COLUMN}"),
        (("qa_value",), "no variable qa_value. Give the complete product."),
        (("latitude_bounds",), "no variable SUPPORT_DATA/GEOLOCATIONS/latitude_bounds."),
        (("longitude_bounds",), "no variable SUPPORT_DATA/GEOLOCATIONS/longitude_bounds."),
    ],
)
def test_a_missing_variable_is_refused(tmp_path, omit, fault):
    assert fault in refusal(write_small(tmp_path / "a.nc", omit=omit))


def test_a_missing_geolocation_group_is_refused(tmp_path):
    path = tmp_path / "a.nc"
    with netCDF4.Dataset(path, "w") as data:
        product = data.createGroup("PRODUCT")
        product.createDimension("time", 1)
        for key in (COLUMN, "qa_value"):
            product.createVariable(key, "f4", ("time",))[:] = 1
    assert "no variable SUPPORT_DATA/GEOLOCATIONS/latitude_bounds" in refusal(path)


def test_a_harp_file_prefers_the_validity_of_the_variable_itself(tmp_path):
    own = f"{HARP_SLANT}_validity"
    path = write_harp(tmp_path / "b.nc", (own, "tropospheric_NO2_column_number_density_validity"))
    assert len(read(path, HARP_SLANT).value) == 2


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"value": np.full((3, 2), np.nan)}, f"{COLUMN} holds nothing but fill values"),
        ({"qa": np.full((3, 2), 255)}, "qa_value holds nothing but fill values"),
        ({"lon": np.full((3, 2, 4), np.nan)}, "longitude_bounds holds nothing but fill values"),
        ({"lat": np.full((3, 2, 4), np.nan)}, "latitude holds nothing but fill values"),
    ],
)
def test_nothing_but_fill_is_refused(tmp_path, changes, fault):
    assert fault in refusal(write_small(tmp_path / "a.nc", **changes))


@pytest.mark.parametrize(("name", "wrong"), [("lat", 91.0), ("lat", -9999.0), ("lon", 400.0)])
def test_one_impossible_corner_is_the_kernels_to_refuse(tmp_path, name, wrong):
    corners = dict(zip(("lon", "lat"), swath(3, 2), strict=True))
    corners[name][1, 0, 2] = wrong
    pixels = read(write_small(tmp_path / "a.nc", **corners))
    found = {"lon": pixels.longitude, "lat": pixels.latitude}[name]
    np.testing.assert_array_equal(np.argwhere(np.isnan(found)), [[2, 2]])
    assert len(pixels.value) == 6


def test_a_corner_that_rounding_put_beyond_the_pole_lies_at_it(tmp_path):
    lon, lat = swath(3, 2, south=89.5)
    lat[2, 1, 3] = 90.0004
    pixels = read(write_small(tmp_path / "a.nc", lon=lon, lat=lat), bbox=(4, 80, 6, 90))
    assert pixels.latitude[5, 3] == 90.0
    assert np.isfinite(pixels.latitude).all()


@pytest.mark.parametrize("name", ["lat", "lon"])
def test_places_that_are_mostly_impossible_are_refused(tmp_path, name):
    corners = dict(zip(("lon", "lat"), swath(3, 2), strict=True))
    corners[name] = corners[name] * 1e4
    line = refusal(write_small(tmp_path / "a.nc", **corners))
    assert "itude" in line
    assert "holds mostly impossible values. Give places in degrees" in line


def test_wrong_shapes_are_refused(tmp_path):
    lon, _ = swath(3, 2)
    path = write_small(tmp_path / "a.nc", sigma=lon)
    line = f"{COLUMN}_precision has shape (1, 3, 2, 4), expected (1, 3, 2)"
    assert line in refusal(path)


def test_text_in_place_of_numbers_is_refused(tmp_path):
    path = write_small(tmp_path / "a.nc", omit=("qa_value",))
    with netCDF4.Dataset(path, "a") as data:
        data["PRODUCT"].createVariable("qa_value", str, ("time", "scanline", "ground_pixel"))
    assert "qa_value does not hold numbers" in refusal(path)


def test_a_granule_without_pixels_is_refused(tmp_path):
    empty = np.empty((0, 2))
    corners = np.empty((0, 2, 4))
    path = write_small(
        tmp_path / "a.nc", value=empty, sigma=None, qa=empty, lon=corners, lat=corners
    )
    assert f"{COLUMN} holds no pixel" in refusal(path)


@pytest.mark.parametrize(
    ("validities", "fault"),
    [
        ((), "has no validity"),
        (("O3_column_number_density_validity",), "has no validity"),
        (("NO2_column_number_density_validity", "tropospheric_NO2_column_number_density_validity"),
         "has several validity variables"),
    ],
)  # fmt: skip
def test_a_harp_file_without_one_validity_is_refused(tmp_path, validities, fault):
    line = refusal(write_harp(tmp_path / "b.nc", validities), HARP_SLANT)
    assert fault in line
    assert f"{HARP_SLANT}_validity" in line


def test_a_harp_file_without_the_variable_is_refused_with_those_it_has(tmp_path):
    line = refusal(write_harp(tmp_path / "b.nc"), "SO2_column_number_density")
    assert f"no variable SO2_column_number_density. Grid one of {HARP_SLANT}." in line


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_official_granule_is_refused(granule, share):
    data = granule.read_bytes()
    granule.write_bytes(data[: int(share * len(data))])
    assert "not a readable NetCDF file" in refusal(granule)


@pytest.mark.parametrize("missing", [3, 40, 200, 900])
def test_a_truncated_classic_file_is_refused_and_not_read_as_zeros(tmp_path, missing):
    path = write_harp(tmp_path / "b.nc")
    path.write_bytes(path.read_bytes()[:-missing])
    assert "not a readable NetCDF file" in refusal(path, HARP_SLANT)


def test_what_is_no_granule_is_refused(tmp_path):
    path = tmp_path / "a.nc"
    assert "the file does not exist" in refusal(path)
    path.write_text("no NetCDF")
    assert "not a readable NetCDF file" in refusal(path)
    path.unlink()
    netCDF4.Dataset(path, "w").close()
    assert "neither a Sentinel-5P L2 product nor a HARP file" in refusal(path)


def test_the_real_product_of_another_gas_is_refused(real_data):
    line = refusal(real_data / "s5p" / "co_product_layout.nc")
    assert f"L2__CO____ has no variable {COLUMN}" in line
    assert "Grid one of carbonmonoxide_total_column." in line


def test_the_real_empty_product_is_refused(real_data):
    path = next((real_data / "s5p").glob("S5P_OFFL_L2__NO2*.nc"))
    assert "the PRODUCT group is empty" in refusal(path)


def test_a_real_harp_orbit_is_read(real_data):
    path = sorted((real_data / SICILY).glob("*.nc"))[0]
    pixels = read(path, HARP_SLANT, bbox=(14, 33, 20, 38))
    with netCDF4.Dataset(path) as data:
        passing = data["tropospheric_NO2_column_number_density_validity"][:] > 75
        np.testing.assert_array_equal(pixels.value, np.float64(data[HARP_SLANT][:][passing]))
    assert pixels.granule.name.startswith("S5P_RPRO_L2__SO2____20180514T110748")
    assert pixels.units == "mol m-2"
