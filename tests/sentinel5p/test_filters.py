"""Filters by quality, cloud, sun and place in the swath; times; and other gases."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest

from mmaq.base.errors import ProductError
from mmaq.config.data import Grid
from mmaq.sentinel5p.reader import describe_filters, read_granule
from tests.sentinel5p.granules import MIDNIGHT, product_name, swath, write_granule
from tests.sentinel5p.test_reader import HARP_SLANT, write_harp

LON, LAT = swath(4, 3)
VALUE = np.arange(1.0, 13).reshape(4, 3) * 1e-5


@pytest.fixture
def path(tmp_path):
    cloud = np.linspace(0, 0.55, 12).reshape(4, 3)
    cloud[0, 0] = np.nan
    sun = np.repeat([[30.0], [60.0], [75.0], [np.nan]], 3, axis=1)
    return write_granule(tmp_path / "a.nc", VALUE, LON, LAT, cloud=cloud, sun=sun)


def numbers(path, **settings):
    """Which pixels pass, counted from 1."""
    pixels = read_granule(path, Grid(**settings))
    return np.rint(pixels.value * 1e5).astype(int).tolist()


def test_cloudy_pixels_and_those_without_a_cloud_fraction_are_left_out(path):
    assert numbers(path, cloud_fraction=0.2) == [2, 3, 4, 5]


def test_pixels_under_a_low_sun_are_left_out(path):
    assert numbers(path, solar_zenith=60) == [1, 2, 3, 4, 5, 6]


def test_the_edges_of_the_swath_are_left_out(path):
    assert numbers(path, rows=(1, 1)) == [2, 5, 8, 11]


def test_filters_add_up_and_are_told(path):
    settings = {"cloud_fraction": 0.3, "solar_zenith": 75, "rows": (0, 1), "qa": 0.5}
    assert numbers(path, **settings) == [2, 4, 5, 7]
    assert describe_filters(Grid(**settings)) == (
        "qa_value > 0.5, cloud fraction <= 0.3, solar zenith angle <= 75 degrees, "
        "ground pixels 0 to 1"
    )


def test_a_filter_that_the_file_cannot_serve_is_refused(tmp_path):
    official = write_granule(tmp_path / "a.nc", VALUE, LON, LAT)
    with pytest.raises(ProductError, match=r"no variable for the filter grid\.cloud_fraction"):
        numbers(official, cloud_fraction=0.5)
    harp = write_harp(tmp_path / "b.nc")
    with pytest.raises(ProductError, match=r"no variable scan_subindex for the filter grid\.rows"):
        numbers(harp, variable=HARP_SLANT, rows=(1, 1))


def test_a_harp_file_has_its_own_names_for_them(tmp_path):
    path = write_harp(tmp_path / "b.nc")
    with netCDF4.Dataset(path, "a") as data:
        for name, values in (
            ("cloud_fraction", [0, 0, 0, 0.9, 0, 0]),
            ("solar_zenith_angle", [10, 10, 50, 50, 10, 10]),
            ("scan_subindex", [0, 1, 0, 1, 0, 1]),
            ("datetime_start", [0, 0, 86400, 86401, 0, 0]),
        ):
            data.createVariable(name, "f8", ("time",))[:] = values
        data["datetime_start"].units = "seconds since 2000-01-01"
    assert numbers(path, variable=HARP_SLANT) == [2, 3]
    assert numbers(path, variable=HARP_SLANT, cloud_fraction=0.5) == [2]
    assert numbers(path, variable=HARP_SLANT, rows=(1, 1)) == [3]
    assert numbers(path, variable=HARP_SLANT, solar_zenith=20) == []
    time = read_granule(path, Grid(variable=HARP_SLANT)).time
    np.testing.assert_array_equal(time, 86400 * (1 - 3653) + np.array([0, 1]))


def test_scanlines_have_their_times(path):
    time = read_granule(path, Grid()).time
    np.testing.assert_array_equal(time, MIDNIGHT + np.repeat(np.arange(4), 3))


def test_a_time_in_an_unknown_unit_is_unknown(path):
    with netCDF4.Dataset(path, "a") as data:
        data["PRODUCT/delta_time"].units = "fortnights"
    assert np.isnan(read_granule(path, Grid()).time).all()


@pytest.mark.parametrize("south", [50.2, -40.0])
def test_scanlines_away_from_the_box_are_not_read(tmp_path, monkeypatch, south):
    from mmaq.sentinel5p import containers as hdf5

    lon, lat = swath(400, 3, south=south)
    value = np.ones((400, 3))
    path = write_granule(tmp_path / "a.nc", value, lon, lat, chunks=(50, 3))
    read = []
    inflate = hdf5.inflate
    monkeypatch.setattr(hdf5, "inflate", lambda *a: read.append(1) or inflate(*a))
    pixels = read_granule(path, Grid(bbox=(3.5, 60, 14.5, 61)))
    # 400 scanlines of 0.066 degrees are eight chunks; the box and its margin lie in two of them.
    # The quality is one chunk.
    assert pixels.pixels == 1200
    assert (len(pixels.value) > 0) == (south == 50.2)
    assert len(read) == (8 + 1 + 3 * 2 if south == 50.2 else 8)


@pytest.mark.parametrize(
    ("gas", "variable", "units"),
    [
        ("CO____", "carbonmonoxide_total_column", "mol m-2"),
        ("HCHO__", "formaldehyde_tropospheric_vertical_column", "mol m-2"),
        ("SO2___", "sulfurdioxide_total_vertical_column", "mol m-2"),
        ("O3____", "ozone_total_vertical_column", "mol m-2"),
        ("AER_AI", "aerosol_index_354_388", "1"),
        ("CH4___", "methane_mixing_ratio_bias_corrected", "1e-9"),
    ],
)
def test_other_gases_are_read_by_name(tmp_path, gas, variable, units):
    path = tmp_path / "a.nc"
    write_granule(path, VALUE, LON, LAT, name=product_name(gas=gas), variable=variable,
                  units=units, sigma=VALUE / 10)  # fmt: skip
    pixels = read_granule(path, Grid(variable=variable))
    np.testing.assert_allclose(pixels.value, VALUE.ravel(), rtol=1e-6)
    np.testing.assert_allclose(pixels.sigma, VALUE.ravel() / 10, rtol=1e-6)
    assert pixels.units == units
