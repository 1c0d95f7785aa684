"""The archive's parts: they read back, their layouts are the agencies', their bytes are fixed."""

from __future__ import annotations

import zipfile
from datetime import date, timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
import rasterio

from mmaq.base.files import sha256
from mmaq.config.data import Period
from mmaq.contracts.archive import (
    ANCILLARY,
    STATIONS,
    TRUTH,
    has_collection,
    read_collection,
    read_product,
)
from mmaq.landuse.sites import read_unlabelled
from mmaq.simulate.ancillary import CORINE, write_ancillary
from mmaq.simulate.stage import write_ground
from mmaq.simulate.stations import (
    GAIN,
    MEASUREMENT_SCHEMA,
    TABLE_COLUMNS,
    Measurements,
    measure,
    write_stations,
)
from mmaq.simulate.world.air import Air
from mmaq.simulate.world.roads import CLASSES

FORTNIGHT = Period(start=date(2021, 1, 25), end=date(2021, 2, 7))


@pytest.fixture(scope="module")
def archive(world, tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    write_ancillary(world, root)
    write_ground(world, FORTNIGHT, root)
    return root


def asset(archive, collection, item, name="data"):
    return read_product(archive, collection, item).asset(name).path


def test_every_asset_matches_its_checksum(archive):
    for collection in (ANCILLARY, STATIONS, TRUTH):
        assert has_collection(archive, collection)
        for product in read_collection(archive, collection):
            for one in product.assets.values():
                one.verify()


def test_same_world_same_bytes(world, archive, tmp_path):
    write_ancillary(world, tmp_path)
    write_ground(world, FORTNIGHT, tmp_path)
    files = sorted(path.relative_to(archive) for path in archive.rglob("*") if path.is_file())
    assert len(files) > 15
    for name in files:
        assert sha256(tmp_path / name) == sha256(archive / name), name


def test_terrain_and_population(world, archive):
    with rasterio.open(asset(archive, ANCILLARY, "dem")) as dem:
        assert dem.crs.to_epsg() == 32632
        assert dem.res == (500.0, 500.0)
        assert dem.units == ("m",)
        assert tuple(dem.bounds) == world.bounds
        np.testing.assert_allclose(dem.read(1), np.maximum(world.elevation_field, 0), atol=0.06)
    with rasterio.open(asset(archive, ANCILLARY, "population")) as people:
        assert people.res == (1000.0, 1000.0)
        # In km2 cells the density is the number of people.
        expected = world.population.sum() / 4
        assert people.read(1).sum() == pytest.approx(expected, rel=1e-3)


def test_land_cover_holds_corine_codes(archive):
    item = read_product(archive, ANCILLARY, "land_cover")
    assert item.properties["land_cover:legend"] == "corine-grid"
    with rasterio.open(item.asset("data").path) as cover:
        codes = cover.read(1)
    assert cover.res == (200.0, 200.0)
    assert codes.dtype == np.uint8
    assert set(np.unique(codes)) <= set(CORINE.values())
    assert {CORINE["sea"], CORINE["forest"], CORINE["cropland"]} <= set(np.unique(codes))
    assert (codes[:10] == CORINE["sea"]).mean() > 0.8


def test_roads_publish_class_and_line_but_no_traffic(world, archive):
    roads = gpd.read_file(asset(archive, ANCILLARY, "roads"), layer="roads")
    assert list(roads.columns) == ["highway", "geometry"]
    assert roads.crs.to_epsg() == 32632
    assert set(roads["highway"]) <= set(CLASSES)
    assert len(roads) == len(world.roads)
    assert (roads.geometry.geom_type == "LineString").all()


def test_power_plants_have_the_layout_of_the_real_database(archive, real_data):
    real = pd.read_csv(real_data / "powerplants" / "gppd_v12.csv")
    ours = pd.read_csv(asset(archive, ANCILLARY, "power_plants"))
    assert list(ours.columns) == list(real.columns)
    assert set(ours["primary_fuel"]) <= set(real["primary_fuel"])
    assert ours["longitude"].between(8.0, 10.0).all()
    assert (ours["capacity_mw"] > 0).all()


def test_station_table_has_the_real_header(archive, real_data):
    with zipfile.ZipFile(real_data / "stations" / "PanEuropean_metadata.zip") as bundle:
        name = bundle.namelist()[0]
        real = pd.read_csv(bundle.open(name), sep="\t", nrows=5)
    ours = pd.read_csv(asset(archive, STATIONS, "stations", "table"), sep="\t")
    assert list(ours.columns) == list(real.columns) == list(TABLE_COLUMNS)
    assert (ours["Timezone"] == real["Timezone"].iloc[0]).all()
    no2 = ours[ours["AirPollutantCode"].str.endswith("/8")]
    assert len(no2) == 60
    assert no2["AirQualityStation"].is_unique
    assert len(ours) > 60


def test_measurements_have_the_real_layout(archive, real_data):
    folder = real_data / "stations" / "eea_no2_hourly_2024_AT"
    real = parquet.read_schema(sorted(folder.glob("*.parquet"))[0])
    ours = parquet.read_schema(asset(archive, STATIONS, "stations", "measurements"))
    assert ours.remove_metadata().equals(real.remove_metadata())
    assert ours.equals(MEASUREMENT_SCHEMA)


def test_measurements_are_daily_with_gaps_and_flags(archive):
    table = pd.read_csv(asset(archive, STATIONS, "stations", "table"), sep="\t")
    values = pd.read_parquet(asset(archive, STATIONS, "stations", "measurements"))
    assert (values["End"] - values["Start"] == timedelta(days=1)).all()
    assert values["Start"].min() == pd.Timestamp("2021-01-25")
    assert values["End"].max() == pd.Timestamp("2021-02-08")
    assert set(values["AggType"]) == {"day"}
    assert set(values["Validity"]) == {1, -1}
    assert not values.duplicated(["Samplingpoint", "Start"]).any()
    assert 0.8 * 60 * 14 < len(values) < 60 * 14
    points = "XM/" + table["SamplingPoint"]
    assert set(values["Samplingpoint"]) <= set(points)
    assert (values["Value"].astype(float) >= 0).all()


def test_unlabelled_table_holds_places_alone(archive):
    table = pd.read_csv(asset(archive, STATIONS, "unlabelled", "table"))
    assert list(table.columns) == ["site_id", "lon", "lat", "country"]
    assert len(table) == 80


def test_stations_alone_are_an_archive_without_unlabelled_sites(world, tmp_path):
    sites = world.sites[world.sites["labelled"]].reset_index(drop=True)
    values = np.ones((3, len(sites)))
    days = [date(2021, 1, day) for day in (1, 2, 3)]
    measured = Measurements(days, values, values > 0, values, values[0])
    write_stations(sites, measured, tmp_path)
    assert [item.id for item in read_collection(tmp_path, STATIONS)] == ["stations"]
    assert read_unlabelled(tmp_path).empty


def test_truth_joins_the_stations(world, archive):
    truth = pd.read_parquet(asset(archive, TRUTH, "truth", "stations"))
    table = pd.read_csv(asset(archive, STATIONS, "stations", "table"), sep="\t")
    assert list(truth["site_id"]) == list(table["AirQualityStation"].unique())
    inputs = [name for name in truth if name.startswith("input_")]
    assert len(inputs) == 10
    assert truth[inputs].notna().all(axis=None)
    values = pd.read_parquet(asset(archive, STATIONS, "stations", "measurements"))
    valid = values[values["Validity"] == 1]
    mean = valid["Value"].astype(float).groupby(valid["Samplingpoint"]).mean()
    mean.index = "STA." + mean.index.str.extract(r"SPO\.(\w+)\.8")[0].to_numpy()
    both = truth.set_index("site_id").join(mean.rename("measured"))
    score = (both["measured"] - both["no2_true"]) / both["noise_sd"]
    assert 0.7 < score.std() < 1.4, "the stated noise is the noise"


def test_noise_of_many_stations_has_its_stated_size():
    rng = np.random.default_rng(4)
    days = tuple(date(2021, 1, 1) + timedelta(n) for n in range(60))
    season = 1 + 0.3 * np.sin(np.arange(60))[:, None]
    surface = season * rng.uniform(5, 50, 800)
    air = Air(days, surface, np.zeros(800))
    found = measure(air, np.random.default_rng(5))
    valid = found.present & (found.validity == 1)
    mean = (found.value * valid).sum(axis=0) / valid.sum(axis=0)
    score = (mean - surface.mean(axis=0)) / found.noise_sd
    assert score.mean() == pytest.approx(0.0, abs=0.12)
    assert score.std() == pytest.approx(1.0, abs=0.12)
    ratio = found.noise_sd / surface.mean(axis=0)
    assert (ratio > GAIN).all()
    assert ratio.mean() < 1.5 * GAIN
