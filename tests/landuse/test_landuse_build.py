"""The site table of a small archive, against what its maps were drawn to say."""

import logging

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import ArchiveError, MmaqError, ProductError, TableError
from mmaq.config.data import Landuse
from mmaq.contracts.sites import COLUMNS, read_sites
from mmaq.landuse.sites import declared_or_derived
from mmaq.landuse.stage import landuse as build_sites
from mmaq.vocabulary import AREAS
from tests.landuse.small_country import (
    NORTH,
    PERIOD,
    SIDE,
    WEST,
    hours,
    lonlat,
    metadata_row,
    write_raster,
)

CONFIG = Landuse()


def build(country, tmp_path, config=CONFIG, period=PERIOD):
    out = tmp_path / "sites.parquet"
    build_sites(archive=country.root, config=config, period=period, out=out)
    return read_sites(out).set_index("site_id")


def test_table_says_what_the_maps_say(country, tmp_path):
    sites = build(country, tmp_path)
    assert tuple(sites.reset_index().columns) == COLUMNS
    assert list(sites.index) == ["A", "B", "C", "U1"]
    np.testing.assert_allclose(sites["no2"], [30, 10, 12, np.nan])
    np.testing.assert_allclose(sites["population_density"][:3], [2000, 100, 100])
    # C has a fill value and U1 no altitude: theirs is the elevation model's.
    np.testing.assert_allclose(sites["altitude"], [50, 50, 160, 100], atol=1)
    np.testing.assert_allclose(sites["share_built"][:3], [1, 0, 0])
    np.testing.assert_allclose(sites["nature_score"][:3], [0, 1, 1])
    np.testing.assert_allclose(sites["manmade_score"], [1, 0, 0, 0.5], atol=2e-3)
    assert (sites["share_industry"] == 0).all()
    # On the ellipsoid, which UTM shrinks here by 0.3 per mille.
    np.testing.assert_allclose(sites["road_distance"], [5000, 5000, 5000, 700], rtol=3e-4)
    assert sites.loc["A", "traffic"] == 1
    assert sites.loc["B", "rural"] == 1
    assert sites.loc["U1", ["traffic", "background"]].isna().all()


def test_an_undeclared_area_is_that_of_the_density():
    areas = pd.DataFrame(np.nan, index=range(6), columns=list(AREAS))
    areas.loc[5] = [0.0, 1.0, 0.0]
    density = [0.0, 299.0, 300.0, 1500.0, np.nan, 9000.0]
    found = declared_or_derived(areas.assign(population_density=density))
    assert found.loc[4].isna().all()
    named = found.drop(index=4).idxmax(axis=1)
    assert list(named) == ["rural", "rural", "suburban", "urban", "suburban"]


def test_same_archive_gives_same_bytes(country, tmp_path):
    for name in ("one.parquet", "two.parquet"):
        build_sites(archive=country.root, config=CONFIG, period=PERIOD, out=tmp_path / name)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_no_measurement_is_a_feature(country, tmp_path):
    before = build(country, tmp_path)
    country.write_tables(
        measured=[hours("SPO-A", 3), hours("SPO-B", 90), hours("SPO-C", 1),
                  hours("SPO-A", 55, Pollutant=7)]
    )  # fmt: skip
    country.write()
    after = build(country, tmp_path)
    pd.testing.assert_frame_equal(before.drop(columns="no2"), after.drop(columns="no2"))
    np.testing.assert_allclose(after["no2"][:3], [3, 90, 1])


def test_station_with_few_measurements_is_dropped_and_counted(country, tmp_path, caplog):
    few = hours("SPO-B", 10)
    country.write_tables(measured=[hours("SPO-A", 30), few[: int(len(few) * 0.74)]])
    country.write()
    with caplog.at_level(logging.INFO):
        assert list(build(country, tmp_path).index) == ["A", "U1"]
    assert "2 stations measured, 1 dropped for coverage below 0.75" in caplog.text
    assert list(build(country, tmp_path, Landuse(min_coverage=0.7)).index) == ["A", "B", "U1"]


def test_a_bad_cell_of_a_station_without_measurements_does_not_matter(country, tmp_path):
    whole = build(country, tmp_path)
    rows = pd.read_csv(country.tables / "table.csv", sep="\t", dtype=str).to_dict("records")
    bad = {"Altitude": "n.a.", "Longitude": "east", "ObservationDateBegin": "soon"}
    other = metadata_row("D", WEST, NORTH, AirQualityStationType="volcano", **bad)
    country.write_tables(rows=[other, *rows])
    country.write()
    pd.testing.assert_frame_equal(build(country, tmp_path), whole)


def test_archive_without_unlabelled_sites(country, tmp_path):
    (country.root / "stations" / "unlabelled" / "table.csv").unlink()
    country.write()
    assert list(build(country, tmp_path).index) == ["A", "B", "C"]


def test_site_outside_the_maps_has_missing_values(country, tmp_path):
    lon, lat = lonlat(WEST + 2 * SIDE, NORTH)
    country.write_unlabelled(f"site_id,lon,lat,country\nfar,{lon},{lat},DE\n")
    country.write()
    far = build(country, tmp_path).loc["far"]
    assert far[["altitude", "population_density", "nature_score", "share_water"]].isna().all()
    assert far["road_distance"] > SIDE / 2


def drop_unlabelled_country(country):
    country.write_unlabelled("site_id,lon,lat,country\nU1,10.5,53.1,\n")


def latitude_95(country):
    country.write_unlabelled("site_id,lon,lat,country\nU1,10.5,95,DE\n")


def unlabelled_text(country):
    country.write_unlabelled("site_id,lon,lat,country\nU1,east,53,DE\n")


def unlabelled_twice(country):
    country.write_unlabelled("site_id,lon,lat,country\nU1,10,53,DE\nU1,10,53,DE\n")


def unlabelled_is_a_station(country):
    country.write_unlabelled("site_id,lon,lat,country\nA,10,53,DE\n")


def strange_type(country):
    row = metadata_row("A", WEST, NORTH, AirQualityStationType="volcano")
    country.write_tables(rows=[row], measured=[hours("SPO-A", 30)])


def station_latitude_95(country):
    country.write_tables(rows=[metadata_row("A", WEST, NORTH, Latitude=95.0)])


def no_roads(country):
    (country.maps / "roads.gpkg").unlink()


def broken_dem(country):
    (country.maps / "dem.tif").write_bytes(b"no raster")


def strange_cover(country):
    write_raster(country.maps / "land_cover.tif", np.full((200, 200), 777, "i2"), 100.0)


def no_measurements(country):
    (country.tables / "measurements.parquet").unlink()


FAULTS = [
    (drop_unlabelled_country, TableError, "column 'country' has an empty cell"),
    (latitude_95, TableError, "'lat' has the impossible value 95 at 'U1'"),
    (unlabelled_text, TableError, "column 'lon' holds 'east' at 'U1', not a finite number"),
    (unlabelled_twice, TableError, "'U1' stands twice in 'site_id'"),
    (unlabelled_is_a_station, TableError, "'A' stands twice"),
    (strange_type, TableError, "station 'A' has the unknown type 'volcano'"),
    (station_latitude_95, TableError, "'lat' has the impossible value 95 at 'A'"),
    (no_roads, ArchiveError, "the collection ancillary has no product 'roads'"),
    (broken_dem, ProductError, "dem.tif: not a readable raster"),
    (strange_cover, ProductError, "the codes 777 are not of one of the legends"),
    (no_measurements, ArchiveError, "no asset 'measurements'"),
]


@pytest.mark.parametrize(
    ("damage", "error", "message"), FAULTS, ids=[case[0].__name__ for case in FAULTS]
)
def test_bad_input_ends_in_one_line_and_no_output(country, tmp_path, damage, error, message):
    damage(country)
    country.write()
    out = tmp_path / "out" / "sites.parquet"
    with pytest.raises(error) as caught:
        build_sites(archive=country.root, config=CONFIG, period=PERIOD, out=out)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not out.parent.exists() or not list(out.parent.iterdir())


def test_file_changed_since_it_was_catalogued_is_refused(country, tmp_path):
    country.write_tables(measured=[hours("SPO-A", 31)])
    with pytest.raises(ArchiveError, match="checksum differs"):
        build(country, tmp_path)


def test_missing_archive_is_refused(tmp_path):
    with pytest.raises(MmaqError, match="does not exist"):
        build_sites(
            archive=tmp_path / "none", config=CONFIG, period=PERIOD, out=tmp_path / "sites.parquet"
        )


def test_named_legend_must_be_known(country, tmp_path):
    country.write({"land_cover:legend": "corine"})
    assert build(country, tmp_path).loc["A", "share_built"] == 1
    country.write({"land_cover:legend": "atlas"})
    with pytest.raises(ProductError, match="unknown land-cover legend 'atlas'"):
        build(country, tmp_path)
