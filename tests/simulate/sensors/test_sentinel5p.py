"""A granule as others read it: official layout, arithmetic that adds up, HARP."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import date, datetime, timezone

import netCDF4
import numpy as np
import pytest

from mmaq.config.data import Period, Simulate
from mmaq.contracts.archive import SENTINEL5P, read_collection
from mmaq.simulate.sensors.sentinel5p import write_sentinel5p

NAME = re.compile(r"S5P_RPRO_L2__NO2____(\d{8}T\d{6})_(\d{8}T\d{6})_(\d{5})_03_020400_\d{8}T\d{6}")


@pytest.fixture(scope="module")
def granule(archives):
    return read_collection(archives[0], SENTINEL5P)[1]


@pytest.fixture
def file(granule):
    with netCDF4.Dataset(granule.asset("product").path) as file:
        yield file


def filled(variable):
    return np.ma.filled(variable[0].astype(float), np.nan)


def test_the_name_is_official_and_holds_the_orbit(granule, file):
    start, stop, orbit = NAME.fullmatch(granule.id).groups()
    times = [
        datetime.strptime(t, "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc) for t in (start, stop)
    ]
    assert times[0] < granule.time < times[1]
    assert (times[1] - times[0]).total_seconds() == pytest.approx(6090, abs=2)
    assert len(granule.id) == 83
    assert file.orbit == int(orbit) == granule.properties["sat:absolute_orbit"]
    assert file.id == granule.id


def test_metadata_are_those_of_a_real_no2_product(real_data, file):
    path = next((real_data / "s5p").glob("S5P_OFFL_L2__NO2____*.nc"))
    with netCDF4.Dataset(path) as real:
        described, own = real["METADATA/GRANULE_DESCRIPTION"], file["METADATA/GRANULE_DESCRIPTION"]
        for name in ("InstrumentName", "MissionShortName", "ProductShortName", "ProcessLevel"):
            assert own.getncattr(name) == described.getncattr(name)
        same = {"corner", "time", "layer", "vertices", "ground_pixel"}
        sizes = {name: len(real["PRODUCT"].dimensions[name]) for name in same}
        assert {name: len(file["PRODUCT"].dimensions[name]) for name in same} == sizes
        assert set(own.ncattrs()) <= set(described.ncattrs())


def test_shared_variables_look_as_in_a_real_product(real_data, file):
    with netCDF4.Dataset(real_data / "s5p" / "co_product_layout.nc") as real:
        for name in ("delta_time", "qa_value", "latitude", "longitude"):
            theirs, ours = real["PRODUCT"][name], file["PRODUCT"][name]
            assert ours.dtype == theirs.dtype
            assert ours.dimensions == theirs.dimensions
            for key in {"units", "scale_factor", "long_name", "bounds"} & set(theirs.ncattrs()):
                if name != "delta_time" or key != "units":
                    assert ours.getncattr(key) == theirs.getncattr(key)
        assert set(real["PRODUCT"].dimensions) <= set(file["PRODUCT"].dimensions)


def test_no_value_is_nan_and_missing_ones_are_filled(file):
    def walk(group):
        yield from group.variables.items()
        for child in group.groups.values():
            yield from walk(child)

    file.set_auto_maskandscale(False)
    for name, variable in walk(file):
        values = np.asarray(variable[:])
        assert not (values.dtype.kind == "f" and np.isnan(values).any()), name
    column = file["PRODUCT/nitrogendioxide_tropospheric_column"]
    missing = np.asarray(column[:]) == column._FillValue
    np.testing.assert_array_equal(missing, np.asarray(file["PRODUCT/qa_value"][:]) == 0)
    assert missing.any()


def test_columns_add_up(file):
    product, results = file["PRODUCT"], file["PRODUCT/SUPPORT_DATA/DETAILED_RESULTS"]
    column = filled(product["nitrogendioxide_tropospheric_column"])
    above = filled(results["nitrogendioxide_stratospheric_column"])
    low, high = (
        filled(product["air_mass_factor_troposphere"]),
        filled(results["air_mass_factor_stratosphere"]),
    )
    slant = filled(results["nitrogendioxide_slant_column_density"])
    np.testing.assert_allclose(slant, column * low + above * high, rtol=3e-3, atol=2e-7)
    total = filled(results["nitrogendioxide_total_column"])
    np.testing.assert_allclose(total * filled(product["air_mass_factor_total"]), slant, rtol=3e-3)


def test_quality_follows_the_cloud(file):
    qa = filled(file["PRODUCT/qa_value"])
    results = file["PRODUCT/SUPPORT_DATA/DETAILED_RESULTS"]
    cloud = filled(results["cloud_radiance_fraction_nitrogendioxide_window"])
    assert (qa[cloud > 0.51] <= 0.75).all()
    good = qa > 0.75
    assert good.any()
    assert (cloud[good] < 0.51).all()


def test_scan_times_are_utc_of_the_early_afternoon(granule, file):
    product = file["PRODUCT"]
    reference = datetime(2010, 1, 1, tzinfo=timezone.utc).timestamp() + float(product["time"][0])
    first = reference + float(product["delta_time"][0, 0]) / 1000
    assert first == pytest.approx(granule.time.timestamp(), abs=1.0)
    assert product["delta_time"].units == f"milliseconds since {granule.time:%Y-%m-%d} 00:00:00"
    local = (first % 86400) / 3600 + np.median(filled(product["longitude"])) / 15
    assert 12.0 < local < 14.5


def test_a_constant_column_comes_back_within_its_noise(world, tmp_path):
    world.flat = 6e-5
    day = Period(start=date(2021, 6, 11), end=date(2021, 6, 11))
    write_sentinel5p(world, Simulate(extent_km=60), day, tmp_path, 1)
    (product,) = read_collection(tmp_path, SENTINEL5P)
    with netCDF4.Dataset(product.asset("product").path) as file:
        column = filled(file["PRODUCT/nitrogendioxide_tropospheric_column"])
        sigma = filled(file["PRODUCT/nitrogendioxide_tropospheric_column_precision"])
    held = np.isfinite(column)
    bound = 5 * np.sqrt((sigma[held] ** 2).sum()) / held.sum()
    assert column[held].mean() == pytest.approx(6e-5, abs=bound)


def test_the_plume_is_seen_where_it_is(file, world):
    product = file["PRODUCT"]
    lat, lon = filled(product["latitude"]), filled(product["longitude"])
    column = filled(product["nitrogendioxide_tropospheric_column"])
    near = np.hypot(lat - 53.25, (lon - 9.0) * 0.6) < 0.08
    away = np.hypot(lat - 53.25, (lon - 9.0) * 0.6) > 1.0
    assert np.nanmean(column[near]) > 3 * np.nanmean(column[away])


@pytest.mark.skipif(not shutil.which("harpdump"), reason="HARP is not installed: no harpdump")
def test_harp_ingests_the_granule(granule, file, tmp_path):
    path = granule.asset("product").path
    listed = subprocess.run(["harpdump", "-l", path], capture_output=True, text=True, check=True)
    assert "tropospheric_NO2_column_number_density {time" in listed.stdout
    out = tmp_path / "harp.nc"
    wish = (
        "tropospheric_NO2_column_number_density_validity>75;"
        "keep(latitude_bounds,longitude_bounds,tropospheric_NO2_column_number_density)"
    )
    subprocess.run(["harpconvert", "-a", wish, path, out], check=True)
    with netCDF4.Dataset(out) as converted:
        found = np.asarray(converted["tropospheric_NO2_column_number_density"][:])
    column = filled(file["PRODUCT/nitrogendioxide_tropospheric_column"])
    good = filled(file["PRODUCT/qa_value"]) > 0.75
    np.testing.assert_allclose(found, column[good], rtol=1e-6)
