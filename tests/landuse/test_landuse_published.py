"""The published table: its known figures, its joins, and every way to damage it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from mmaq.base.errors import TableError
from mmaq.config.data import Covariates, Published
from mmaq.contracts.context import ON_MAP, POTENTIAL_KM, potential
from mmaq.contracts.sites import GEO, OFFICIAL, POLLUTANTS, SITING, read_sites, spatial_block
from mmaq.landuse.stage import landuse_published as build_published_sites
from mmaq.statistics.splits import official_fold
from mmaq.vocabulary import AREAS, TYPES
from tests.landuse.small_country import metadata_row


def build(paths, tmp_path, **changes):
    out = tmp_path / "published" / "sites.parquet"
    build_published_sites(
        config=Published(**{**paths, **changes}), covariates=Covariates(), out=out
    )
    return read_sites(out)


@pytest.fixture
def whole(published, tmp_path_factory):
    """The sites of the whole published table."""
    folder = tmp_path_factory.getbasetemp() / "whole"
    made = folder / "published" / "sites.parquet"
    return read_sites(made) if made.exists() else build(published, folder)


def test_published_figures(whole):
    sites = whole
    assert len(sites) == 2674
    assert sites["no2"].mean() == pytest.approx(21.21, abs=0.005)
    assert sites["no2"].std() == pytest.approx(11.74, abs=0.005)
    assert sites["country"].nunique() == 35
    assert sites[[*AREAS]].sum(axis=1).eq(1).all()
    assert sites["altitude"].mean() == pytest.approx(208.3, abs=0.05)
    assert sites["lat"].between(27, 70).all()
    assert sites[["nature_score", "manmade_score", "road_distance"]].notna().all(axis=None)
    assert len(set(spatial_block(sites["lon"], sites["lat"], 2.0))) == 190


def test_row_equals_its_sources(published, whole):
    sites = whole.set_index("site_id")
    source = pd.read_csv(published["samples"]).set_index("AirQualityStation")
    osm = pd.read_csv(published["osm"]).set_index("AirQualityStation")
    assert list(sites.index) == list(source.index)
    np.testing.assert_allclose(sites["no2"], source["no2"])
    np.testing.assert_array_equal(sites[[*AREAS, *TYPES]], source[[*AREAS, *TYPES]])
    np.testing.assert_allclose(
        sites["manmade_score"], osm["manmade_osm_score"].reindex(sites.index), atol=1e-9
    )
    places = pd.read_csv(published["eea_metadata"], sep="\t", low_memory=False)
    places = places.groupby("AirQualityStation")[["Longitude", "Latitude"]].agg(["min", "max"])
    places = places.reindex(sites.index)
    for name, column in (("lon", "Longitude"), ("lat", "Latitude")):
        assert sites[name].between(places[column, "min"], places[column, "max"]).all()


def test_openstreetmap_is_optional(few, tmp_path):
    sites = build(few, tmp_path, osm=None)
    assert list(sites["site_id"]) == list(pd.read_csv(few["samples"])["AirQualityStation"])
    assert sites[list(GEO)].isna().all(axis=None)


def test_without_the_eea_table_there_are_no_coordinates(few, tmp_path):
    whole = build(few, tmp_path)
    sites = build(few, tmp_path, eea_metadata=None)
    assert sites[["lon", "lat"]].isna().all(axis=None)
    assert sites[list(SITING)].isna().all(axis=None)
    placed = ["lon", "lat", *SITING, ON_MAP, *(potential(scale) for scale in POTENTIAL_KM)]
    assert sites[placed].isna().all(axis=None)
    pd.testing.assert_frame_equal(sites.drop(columns=placed), whole.drop(columns=placed))


def test_no_pollutant_of_another_file_enters(few, tmp_path, damaged):
    whole = build(few, tmp_path)
    osm = damaged(few["osm"], lambda table: table.assign(no2_average="1e9"))
    pd.testing.assert_frame_equal(build(few, tmp_path, osm=osm), whole)


@pytest.mark.parametrize(
    ("count", "size", "names"),
    [(3, 1317, ("no2", "o3", "pm10")), (5, 403, ("no2", "o3", "pm10", "co", "so2"))],
)
def test_aqnet_tables_of_several_pollutants(quick, real_data, tmp_path, count, size, names):
    samples = real_data / "stations" / f"samples_multimodal_{count}polls.csv"
    sites = build(quick, tmp_path, samples=str(samples))
    assert len(sites) == size
    source = pd.read_csv(samples).set_index("AirQualityStation").loc[sites["site_id"]]
    for name in POLLUTANTS:
        milligrams = 1000.0 if name == "co" else 1.0
        expected = source[name] * milligrams if name in names else np.full(size, np.nan)
        np.testing.assert_allclose(sites[name], expected)
    # the columns stand in another order than in MMAQ's table
    np.testing.assert_array_equal(sites[[*AREAS, *TYPES]], source[[*AREAS, *TYPES]])
    if count == 3:
        assert sites["no2"].mean() == pytest.approx(17.38866556)
        assert sites["no2"].std() == pytest.approx(8.99506794, rel=1e-3)


def test_carbon_monoxide_is_of_plausible_size(quick, real_data, tmp_path):
    samples = real_data / "stations" / "samples_multimodal_5polls.csv"
    sites = build(quick, tmp_path, samples=str(samples), eea_metadata=None)
    assert 100 < sites["co"].median() < 1000  # ug/m3, as European background and streets have


def test_the_official_split_is_that_of_scikit_learn_on_the_samples_order(published, whole):
    sites = whole
    stations = pd.read_csv(published["samples"])["AirQualityStation"].drop_duplicates().to_numpy()
    train, test = train_test_split(stations, test_size=0.2, random_state=42, shuffle=True)
    assert (len(train), len(test)) == (2139, 535)
    assert set(sites.loc[sites[OFFICIAL] == 1.0, "site_id"]) == set(test)
    assert set(sites.loc[sites[OFFICIAL] == 0.0, "site_id"]) == set(train)
    shuffled = sites.sort_values("site_id", ignore_index=True)
    fold = official_fold(shuffled[OFFICIAL].to_numpy(float))
    assert set(shuffled["site_id"].iloc[fold.test]) == set(test)
    assert set(shuffled["site_id"].iloc[fold.train]) == set(train)


def setter(row, column, value):
    def change(table):
        table.loc[row, column] = value

    return change


SAMPLES = [
    (lambda table: table.drop(columns="Altitude"), "column 'Altitude' is missing"),
    (lambda table: table.drop(columns="no2"), "no column is a pollutant (no2, o3"),
    (lambda table: table.drop(columns=["Altitude", "urban"]), "'Altitude', 'urban' are missing"),
    (setter(0, "background", "1"), "type of site 'STA-SK0045A' sums to 2, not 1"),
    (setter(0, "urban", "0"), "area of site 'STA-SK0045A' sums to 0, not 1"),
    (setter(0, "urban", ""), "area of site 'STA-SK0045A' sums to 0"),
    (setter(0, "urban", "0.5"), "'urban' has the impossible value 0.5 at site 'STA-SK0045A'"),
    (setter(1, "PopulationDensity", "many"), "'population_density' holds 'many' at 'STA.DE_DENW"),
    (setter(1, "PopulationDensity", "inf"), "'population_density' holds 'inf'"),
    (setter(1, "PopulationDensity", "-3"), "'population_density' has the impossible value -3 at"),
    (setter(1, "no2", "-999"), "'no2' has the impossible value -999 at site 'STA.DE_DENW338'"),
    (setter(1, "Countrycode", "Germany"), "'country' has the impossible value 'Germany'"),
    (setter(1, "AirQualityStation", "STA-SK0045A"), "'STA-SK0045A' stands twice"),
    (setter(1, "AirQualityStation", ""), "column 'site_id' has an empty cell"),
    (setter(1, "AirQualityStation", "STA-NOWHERE"), "1 stations of"),
    (lambda table: table[:0], "the table holds no rows"),
]


@pytest.mark.parametrize(("change", "message"), SAMPLES, ids=[message for _, message in SAMPLES])
def test_damaged_samples_are_refused(few, tmp_path, damaged, change, message):
    refuse(few, tmp_path, message, samples=damaged(few["samples"], change))


def refuse(paths, tmp_path, message, **changes):
    with pytest.raises(TableError) as caught:
        build(paths, tmp_path, **changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    out = tmp_path / "published"
    assert not out.exists() or not list(out.iterdir())


def test_damaged_coordinates_are_refused(tmp_path, few, damaged):
    stations = pd.read_csv(few["samples"])["AirQualityStation"]
    rows = pd.DataFrame([metadata_row(name, 6e5, 5.9e6) for name in stations])
    metadata = str(tmp_path / "metadata.csv")
    rows.to_csv(metadata, sep="\t", index=False)
    assert len(build(few, tmp_path, eea_metadata=metadata)) == len(stations)
    (tmp_path / "published" / "sites.parquet").unlink()
    for column, value, message in [
        ("Latitude", "95", "'lat' has the impossible value 95 at"),
        ("Longitude", "-181", "'lon' has the impossible value -181 at"),
        ("Latitude", "", "'lat' has no value at"),
        ("Latitude", "north", "'lat' holds 'north' at"),
    ]:
        damaged_file = damaged(metadata, setter(3, column, value), "\t")
        refuse(few, tmp_path, message, eea_metadata=damaged_file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (setter(0, "nature_osm_score", "1.2"), "nature_score of 'STA.DE_DEBW087' has"),
        (setter(0, "manmade_osm_score", "-0.2"), "manmade_score of 'STA.DE_DEBW087' has"),
        (setter(0, "road_distance_osm", "-5"), "'road_distance' has the impossible value -5 at"),
        (setter(0, "road_distance_osm", "near"), "'road_distance' holds 'near'"),
        (setter(0, "AirQualityStation", "STA.DE_DEBB067"), "'STA.DE_DEBB067' stands twice"),
    ],
)
def test_damaged_openstreetmap_is_refused(few, tmp_path, damaged, change, message):
    refuse(few, tmp_path, message, osm=damaged(few["osm"], change))


def test_openstreetmap_of_other_stations_is_told(few, tmp_path, damaged, caplog):
    other = damaged(few["osm"], lambda table: table.assign(AirQualityStation=table.index))
    refuse(few, tmp_path, "names no station of the sample table", osm=other)
    part = damaged(few["osm"], lambda table: table[: len(table) // 2])
    sites = build(few, tmp_path, osm=part)
    missing = sites["road_distance"].isna()
    first = sites.loc[missing, "site_id"].iloc[0]
    told = f"knows nothing of {missing.sum()} of {len(sites)} stations, the first {first!r}"
    assert told in caplog.text


def test_missing_and_unreadable_files_are_refused(few, tmp_path):
    refuse(few, tmp_path, "the file does not exist", samples=str(tmp_path / "none.csv"))
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    refuse(few, tmp_path, "the table is empty", samples=str(empty))
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK no archive")
    refuse(few, tmp_path, "neither PanEuropean_metadata.csv nor", eea_metadata=str(broken))
    refuse(few, tmp_path, "no file is given", samples=None)


FLAGS = st.lists(st.sampled_from([0, 1]), min_size=3, max_size=3)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(area=FLAGS, kind=FLAGS, lat=st.floats(-200, 200))
def test_only_possible_rows_pass(tmp_path, area, kind, lat):
    row = {"AirQualityStation": "A", "Countrycode": "DE", "Altitude": 1, "PopulationDensity": 2}
    row |= dict(zip(AREAS, area, strict=True)) | dict(zip(TYPES, kind, strict=True)) | {"no2": 9}
    samples, metadata = tmp_path / "samples.csv", tmp_path / "metadata.csv"
    pd.DataFrame([row]).to_csv(samples, index=False)
    place = metadata_row("A", 6e5, 5.9e6, Latitude=lat)
    pd.DataFrame([place]).to_csv(metadata, sep="\t", index=False)
    paths = {"samples": str(samples), "eea_metadata": str(metadata)}
    if sum(area) == 1 and sum(kind) == 1 and -90 <= lat <= 90:
        assert build(paths, tmp_path)["lat"][0] == pytest.approx(lat)
    else:
        with pytest.raises(TableError):
            build(paths, tmp_path)
