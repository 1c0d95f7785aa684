"""Granules: names, versions, wrong gases and damaged files."""

import logging

import netCDF4
import numpy as np
import pytest

from mmaq.acquire.files.sentinel5p import find_granules
from mmaq.base.errors import ArchiveError, ProductError
from tests.acquire.files.made_up import write_granule


def test_name_tells_time_orbit_and_processor(tmp_path):
    path = write_granule(tmp_path)
    [granule] = find_granules(tmp_path)
    assert granule.id == path.stem
    assert granule.time.isoformat() == "2021-06-03T11:00:00+00:00"
    assert granule.properties == {
        "processor_version": "2.2.2", "s5p:stream": "OFFL", "s5p:collection": "02",
        "sat:absolute_orbit": 18900, "end_datetime": "2021-06-03T12:40:00+00:00",
        "created": "2021-06-05T04:05:06+00:00",
    }  # fmt: skip
    assert granule.bbox == (8.0, 50.0, 9.5, 52.5)
    assert granule.asset("product").path == path


def test_box_is_that_of_the_pixels_whatever_the_attributes_of_the_whole_say(tmp_path):
    whole = {"geospatial_lon_min": -180.0, "geospatial_lon_max": 180.0,
             "geospatial_lat_min": -89.9, "geospatial_lat_max": 89.9}  # fmt: skip
    write_granule(tmp_path / "cut", **whole)
    assert find_granules(tmp_path / "cut")[0].bbox == (8.0, 50.0, 9.5, 52.5)
    write_granule(tmp_path / "across", lon=(179.0, -178.5), **whole)
    assert find_granules(tmp_path / "across")[0].bbox == (179.0, 50.0, -178.5, 52.5)
    write_granule(tmp_path / "damaged", lat=(50.0, 51.0, 7e4), lon=(8.0, np.nan))
    assert find_granules(tmp_path / "damaged")[0].bbox == (8.0, 50.0, 8.0, 51.0)


def test_box_is_the_attributes_where_the_pixels_tell_none(tmp_path):
    nowhere = {"lat": [np.nan] * 3}
    box = {"geospatial_lon_min": 7.0, "geospatial_lon_max": 12.0,
           "geospatial_lat_min": 49.0, "geospatial_lat_max": 54.0}  # fmt: skip
    write_granule(tmp_path / "part", **nowhere, **box)
    assert find_granules(tmp_path / "part")[0].bbox == (7, 49, 12, 54)
    # Attributes as text, and an orbit across the date line, as in a real whole orbit.
    whole = {"geospatial_lon_min": "179.99998", "geospatial_lon_max": "-179.99994",
             "geospatial_lat_min": "-89.9", "geospatial_lat_max": "89.9"}  # fmt: skip
    write_granule(tmp_path / "whole", **nowhere, **whole)
    assert find_granules(tmp_path / "whole")[0].bbox == (-180, -89.9, 180, 89.9)
    write_granule(tmp_path / "none", **nowhere)
    with pytest.raises(ProductError, match="neither its pixels nor its attributes tell where"):
        find_granules(tmp_path / "none")


def test_an_orbit_is_taken_once_in_its_best_version(tmp_path):
    for stream, processor in [("NRTI", "020600"), ("OFFL", "020202"), ("RPRO", "020400"),
                              ("RPRO", "020301")]:  # fmt: skip
        write_granule(tmp_path, stream, processor=processor)
    write_granule(tmp_path, "OFFL", orbit=18901)
    found = [(item.properties["sat:absolute_orbit"], item.properties["processor_version"])
             for item in find_granules(tmp_path)]  # fmt: skip
    assert sorted(found) == [(18900, "2.4.0"), (18901, "2.2.2")]


def test_slices_of_a_near_real_time_orbit_are_all_taken(tmp_path):
    first = write_granule(tmp_path, "NRTI")
    later = first.with_name(first.name.replace("T110000", "T110500"))
    later.write_bytes(first.read_bytes())
    assert len(find_granules(tmp_path)) == 2
    write_granule(tmp_path, "OFFL")
    assert [item.properties["s5p:stream"] for item in find_granules(tmp_path)] == ["OFFL"]


def test_other_gases_are_counted_in_a_closing_line(tmp_path, caplog):
    write_granule(tmp_path, gas="CO____")
    write_granule(tmp_path, gas="SO2___")
    write_granule(tmp_path / "sub")
    with caplog.at_level(logging.INFO):
        assert len(find_granules(tmp_path)) == 1
    (told,) = [each for each in caplog.records if "passed over" in each.message]
    assert told.levelname == "INFO"
    assert "2 other NetCDF files (first S5P_OFFL_L2__CO_____2021" in told.message


def test_folder_of_another_gas_is_refused(tmp_path):
    write_granule(tmp_path, gas="SO2___")
    with pytest.raises(ArchiveError, match=r"no Sentinel-5P NO2 granule \(1 other NetCDF files\)"):
        find_granules(tmp_path)


def test_wrong_gas_under_the_name_of_no2_is_refused(tmp_path):
    write_granule(tmp_path, column="carbonmonoxide_total_column")
    with pytest.raises(ProductError, match="PRODUCT holds no nitrogendioxide_tropospheric_column"):
        find_granules(tmp_path)


def test_truncated_granule_is_refused(tmp_path):
    path = write_granule(tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ProductError, match="not a readable NetCDF file") as caught:
        find_granules(tmp_path)
    assert path.name in str(caught.value)


OFFICIAL = "S5P_OFFL_L2__NO2____20210603T110000_20210603T124000_18900_02_020202_20210605T040506"


def renamed(folder, name, **attributes):
    path = write_granule(folder, **attributes)
    return path.rename(folder / name)


@pytest.mark.parametrize(
    ("name", "stream"),
    [
        (OFFICIAL.replace("OFFL", "PAL_") + ".nc", "PAL_"),
        (OFFICIAL + "_reduced.nc", "OFFL"),
        (OFFICIAL + " (1).nc", "OFFL"),
        (OFFICIAL + ".SUB.nc4", "OFFL"),
        (OFFICIAL + ".NC", "OFFL"),
        (OFFICIAL, "OFFL"),
        ("subset_" + OFFICIAL + ".nc", "OFFL"),
        (OFFICIAL.replace("OFFL", "TEST") + ".nc", "TEST"),
    ],
)
def test_names_that_others_have_added_to(tmp_path, name, stream):
    path = renamed(tmp_path, name)
    [granule] = find_granules(tmp_path)
    assert granule.id == OFFICIAL.replace("OFFL", stream)
    assert granule.properties["s5p:stream"] == stream
    assert granule.properties["processor_version"] == "2.2.2"
    assert granule.asset("product").path == path


def test_a_renamed_granule_is_known_by_what_it_says_of_itself(tmp_path):
    renamed(tmp_path, "june.nc", id=OFFICIAL)
    [granule] = find_granules(tmp_path)
    assert (granule.id, granule.properties["sat:absolute_orbit"]) == (OFFICIAL, 18900)


def test_a_granule_whose_name_is_lost_is_known_by_its_attributes(tmp_path):
    path = renamed(tmp_path, "june.nc", processor_version="2.2.2")
    with netCDF4.Dataset(path, "a") as data:
        data.orbit = 18900
        data.time_coverage_start = "2021-06-03T11:00:00Z"
        data.time_coverage_end = "2021-06-03T12:40:00Z"
    [granule] = find_granules(tmp_path)
    assert (granule.id, granule.time.isoformat()) == ("june", "2021-06-03T11:00:00+00:00")
    assert granule.properties["sat:absolute_orbit"] == 18900
    path.unlink()
    renamed(tmp_path, "june.nc")
    with pytest.raises(ProductError, match=r"june\.nc: neither its name nor its attributes tell"):
        find_granules(tmp_path)


def test_what_nearly_is_a_granule_is_warned_of_and_counted(tmp_path, caplog):
    write_granule(tmp_path)
    for ending in (".zip", ".nc.part", ".nc.gz"):
        (tmp_path / (OFFICIAL.replace("18900", "18901") + ending)).write_bytes(b"PK")
    for ending in (".nc.md5", ".cdl", ".png"):
        (tmp_path / (OFFICIAL + ending)).write_bytes(b"beside")
    (tmp_path / f"._{OFFICIAL}.nc").write_bytes(b"\0\5\26\7Mac OS X")
    with caplog.at_level(logging.INFO):
        assert len(find_granules(tmp_path)) == 1
    (told,) = [each for each in caplog.records if "left out" in each.message]
    assert told.levelname == "WARNING"
    assert "left out: 3 files with the name of an NO2 granule that are no NetCDF" in told.message


def test_granules_behind_links_are_found(tmp_path):
    write_granule(tmp_path / "in")
    write_granule(tmp_path / "disk" / "2021", orbit=18901)
    (tmp_path / "in" / "more").symlink_to(tmp_path / "disk")
    assert len(find_granules(tmp_path / "in")) == 2


def test_of_the_streams_the_laboratory_s_stands_between_offline_and_reprocessed(tmp_path):
    for stream in ("OFFL", "PAL_"):
        write_granule(tmp_path, stream)
    assert find_granules(tmp_path)[0].properties["s5p:stream"] == "PAL_"
    write_granule(tmp_path, "RPRO")
    assert find_granules(tmp_path)[0].properties["s5p:stream"] == "RPRO"


def test_pieces_of_one_orbit_are_all_taken_and_copies_are_not(tmp_path, caplog):
    whole = {"geospatial_lon_min": -180.0, "geospatial_lon_max": 180.0,
             "geospatial_lat_min": -89.9, "geospatial_lat_max": 89.9}  # fmt: skip
    for name, south, north in (("north", 60, 70), ("south", 40, 50), ("copy", 40.1, 50)):
        lat = np.linspace(south, north, 3)
        write_granule(tmp_path / name, lat=lat, lon=(7.0, 12.0), **whole)
    with caplog.at_level(logging.INFO):
        found = find_granules(tmp_path)
    assert [granule.id for granule in found] == [OFFICIAL, f"{OFFICIAL}_2"]
    assert {granule.bbox[1] > 55 for granule in found} == {True, False}
    assert "1 granules of which a better version is taken" in caplog.text


def test_real_granule_with_an_empty_product_group_is_refused(real_data):
    with pytest.raises(ProductError, match="the group PRODUCT is missing or empty"):
        find_granules(real_data / "s5p")


def test_real_product_of_carbon_monoxide_is_passed_over(real_data, tmp_path):
    (tmp_path / "co.nc").symlink_to(real_data / "s5p" / "co_product_layout.nc")
    with pytest.raises(ArchiveError, match="1 other NetCDF"):
        find_granules(tmp_path)
    write_granule(tmp_path)
    assert len(find_granules(tmp_path)) == 1


def test_harp_swath_needs_no2_and_times(tmp_path):
    with netCDF4.Dataset(tmp_path / "swath.nc", "w") as data:
        data.Conventions = "HARP-1.0"
        data.createVariable("SO2_column_number_density", "f4", ())
    with pytest.raises(ArchiveError, match="1 other NetCDF"):
        find_granules(tmp_path)
    with netCDF4.Dataset(tmp_path / "swath.nc", "a") as data:
        data.createVariable("tropospheric_NO2_column_number_density", "f4", ())
    with pytest.raises(ProductError, match="not a HARP swath"):
        find_granules(tmp_path)
