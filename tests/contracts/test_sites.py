"""Contract 2: what the site table's schema lets pass, and its round trip."""

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import TableError
from mmaq.contracts.sites import (
    COLUMNS,
    FEATURES,
    GEO,
    UNITS,
    check_sites,
    has_places,
    read_sites,
    spatial_block,
    stations,
    write_sites,
)
from mmaq.vocabulary import AREAS, TYPES


def table(count=4):
    rng = np.random.default_rng(0)
    sites = pd.DataFrame({
        "site_id": [f"S{number}" for number in range(count)],
        "lon": rng.uniform(4, 14, count), "lat": rng.uniform(50, 56, count), "country": "DE",
        "altitude": rng.uniform(0, 500, count), "population_density": rng.gamma(1, 500, count),
        "no2": rng.uniform(1, 60, count),
    })  # fmt: skip
    for group in (AREAS, TYPES):
        sites[list(group)] = np.eye(3)[rng.integers(0, 3, count)]
    for name in GEO:
        sites[name] = rng.uniform(0, 1, count)
    return sites.reindex(columns=list(COLUMNS))


def test_features_stand_in_the_order_of_the_released_code():
    assert FEATURES == (
        "altitude", "population_density", "rural", "suburban", "urban", "traffic", "industrial",
        "background",
    )  # fmt: skip


def test_round_trip_keeps_values_and_units(tmp_path):
    sites = table()
    sites.loc[1, ["no2", *AREAS, *TYPES]] = np.nan
    write_sites(sites, tmp_path / "sites.parquet")
    pd.testing.assert_frame_equal(read_sites(tmp_path / "sites.parquet"), sites)
    schema = parquet.read_schema(tmp_path / "sites.parquet")
    for name, unit in UNITS.items():
        assert schema.field(name).metadata[b"units"] == unit.encode()
    assert list(stations(sites)["site_id"]) == ["S0", "S2", "S3"]


def test_a_table_without_any_coordinates_passes(tmp_path):
    sites = table().assign(lon=np.nan, lat=np.nan)
    write_sites(sites, tmp_path / "sites.parquet")
    found = read_sites(tmp_path / "sites.parquet")
    pd.testing.assert_frame_equal(found, sites)
    assert not has_places(found)
    assert has_places(table())


@pytest.mark.parametrize("missing", ["lon", "lat"])
def test_coordinates_of_some_sites_alone_are_refused(missing):
    sites = table()
    sites[missing] = np.nan
    with pytest.raises(TableError, match=f"column '{missing}' is empty at site 'S0'"):
        check_sites(sites, "here")


def test_equal_tables_give_equal_bytes(tmp_path):
    shuffled = table()[sorted(COLUMNS)]
    write_sites(table(), tmp_path / "one.parquet")
    write_sites(shuffled, tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("lat", 95.0, "column 'lat' has the impossible value 95 at site 'S2'"),
        ("lon", np.nan, "column 'lon'"),
        ("no2", -1.0, "column 'no2' has the impossible value -1 at site 'S2'"),
        ("altitude", 9999.0, "column 'altitude' has the impossible value 9999 at site 'S2'"),
        ("nature_score", 1.5, "column 'nature_score' has the impossible value 1.5 at site 'S2'"),
        ("road_distance", -1.0, "column 'road_distance'"),
        ("rural", 0.5, "column 'rural' has the impossible value 0.5 at site 'S2'"),
        ("country", "DEU", "column 'country' has the impossible value 'DEU' at site 'S2'"),
        ("site_id", "S0", "column 'site_id' has the impossible value 'S0'"),
    ],
)
def test_impossible_values_are_named(tmp_path, column, value, message):
    sites = table()
    sites.loc[2, column] = value
    with pytest.raises(TableError) as caught:
        write_sites(sites, tmp_path / "sites.parquet")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_missing_column_and_wrong_type_are_named():
    with pytest.raises(TableError, match="t: column 'altitude' is missing"):
        check_sites(table().drop(columns="altitude"), "t")
    with pytest.raises(TableError, match="t: column 'lat' has the impossible value 'north'"):
        check_sites(table().assign(lat="north"), "t")
    with pytest.raises(TableError, match="t: column 'rural' breaks the schema"):
        check_sites(table().assign(rural=1), "t")


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([AREAS, TYPES]),
    st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=3, max_size=3),
)
def test_one_hot_is_whole_or_wholly_missing(group, flags):
    sites = table()
    sites.loc[1, list(group)] = flags
    missing = np.isnan(flags).sum()
    if missing == 3 or (missing == 0 and sum(flags) == 1):
        assert len(check_sites(sites, "t")) == 4
    else:
        with pytest.raises(TableError, match=r"(area|type) of site 'S1' sums to \d, not 1"):
            check_sites(sites, "t")


@settings(max_examples=25, deadline=None)
@given(st.floats(-200, 200), st.floats(-400, 400))
def test_only_places_on_earth_pass(lat, lon):
    sites = table()
    sites.loc[0, ["lat", "lon"]] = lat, lon
    if abs(lat) <= 90 and abs(lon) <= 180:
        assert check_sites(sites, "t")["lat"][0] == lat
    else:
        with pytest.raises(TableError, match="impossible value"):
            check_sites(sites, "t")


@settings(max_examples=60, deadline=None)
@given(
    st.floats(-180, 180).map(lambda lon: round(lon, 6)),
    st.floats(-90, 90).map(lambda lat: round(lat, 6)),
    st.sampled_from([0.5, 2.0, 5.0]),
)
def test_a_site_lies_in_its_block(lon, lat, degrees):
    column, row = map(int, spatial_block([lon], [lat], degrees)[0].split("_"))
    assert column * degrees <= lon < (column + 1) * degrees
    assert row * degrees <= lat < (row + 1) * degrees


def test_blocks_begin_at_0_0_and_need_a_place():
    lon, lat = [0.0, 1.99, -0.01, 2.0, np.nan], [0.0, 1.99, -0.01, 55.0, np.nan]
    assert list(spatial_block(lon, lat, 2.0)) == ["0_0", "0_0", "-1_-1", "1_27", ""]


def test_unreadable_tables_are_refused(tmp_path):
    with pytest.raises(TableError, match="the site table does not exist"):
        read_sites(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("site_id,lon")
    with pytest.raises(TableError, match="not a Parquet file"):
        read_sites(tmp_path / "text.parquet")
