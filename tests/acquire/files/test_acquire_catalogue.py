"""The catalogue over a user's folders: what it finds, keeps whole, and refuses."""

import json
import logging
from datetime import datetime, timezone

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from shapely import LineString

from mmaq.acquire.stage import acquire as catalogue
from mmaq.base.errors import ArchiveError, ProductError
from mmaq.config.data import Files, Landuse, Period
from mmaq.contracts.archive import (
    ANCILLARY,
    SENTINEL2,
    SENTINEL5P,
    STATIONS,
    has_collection,
    read_collection,
    read_product,
)
from mmaq.contracts.sites import read_sites
from mmaq.landuse.stage import landuse as build_sites
from tests.acquire.files.made_up import (
    PRODUCT,
    write_granule,
    write_maps,
    write_raster,
    write_scene,
    write_stations,
)


@pytest.fixture
def folders(tmp_path):
    """Everything that a configuration can name."""
    mine = tmp_path / "mine"
    write_scene(mine / "s2" / PRODUCT)
    write_granule(mine / "s5p")
    write_maps(mine / "maps")
    write_stations(mine / "stations")
    (mine / "sites.csv").write_text("site_id,lon,lat,country\nU1,10.4978,53.2366,DE\n")
    paths = {"sentinel2": mine / "s2", "sentinel5p": mine / "s5p", "ancillary": mine / "maps",
             "stations": mine / "stations", "unlabelled": mine / "sites.csv"}  # fmt: skip
    return {name: str(path) for name, path in paths.items()}


def test_what_macos_leaves_beside_every_file_is_passed_over(folders, tmp_path):
    for folder in (tmp_path / "mine" / "stations", tmp_path / "mine" / "s2" / PRODUCT):
        for path in [each for each in folder.rglob("*") if each.is_file()]:
            path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X \xb0 ")
    catalogue(config=Files(**folders), archive=tmp_path / "archive")
    stations = read_product(tmp_path / "archive", STATIONS, "stations")
    assert set(stations.assets) == {"table", "measurements_2021_SPO-A"}


def test_all_collections_are_written_and_files_stay_where_they_are(folders, tmp_path):
    root = tmp_path / "archive"
    catalogue(config=Files(**folders), archive=root)
    ids = {name: [product.id for product in read_collection(root, name)]
           for name in (SENTINEL2, SENTINEL5P, ANCILLARY, STATIONS)}  # fmt: skip
    assert ids[SENTINEL2] == [PRODUCT]
    assert len(ids[SENTINEL5P]) == 1
    assert ids[ANCILLARY] == ["dem", "land_cover", "population", "roads"]
    assert ids[STATIONS] == ["stations", "unlabelled"]
    for name in ids:
        for product in read_collection(root, name):
            for asset in product.assets.values():
                assert asset.path.is_absolute()
                assert asset.path.is_relative_to(tmp_path / "mine")
                assert len(asset.sha256) == 64
                asset.verify()
    assert not list(root.rglob("*.tif"))
    assert len(json.loads((root / "catalog.json").read_text())["links"]) == 4


def test_the_same_files_give_the_same_bytes(folders, tmp_path):
    written = []
    for name in ("one", "two"):
        catalogue(config=Files(**folders), archive=tmp_path / name)
        files = sorted((tmp_path / name).rglob("*.json"))
        written.append([(path.relative_to(tmp_path / name), path.read_bytes()) for path in files])
    assert written[0] == written[1]
    assert len(written[0]) == 13


def test_land_use_reads_what_was_catalogued(folders, tmp_path):
    catalogue(config=Files(**folders), archive=tmp_path / "archive")
    period = Period(start="2021-06-01", end="2021-06-02")
    out = tmp_path / "sites.parquet"
    build_sites(archive=tmp_path / "archive", config=Landuse(radius_m=100), period=period, out=out)
    sites = read_sites(out).set_index("site_id")
    assert sites.loc["STA-A", "no2"] == 21
    assert np.isnan(sites.loc["U1", "no2"])
    assert sites["population_density"].tolist() == [500, 500]


def test_the_table_viewers_csv_is_read_and_hidden_files_are_passed_over(folders, tmp_path):
    stations = tmp_path / "mine" / "stations"
    table = stations / "PanEuropean_metadata.csv"
    row = pd.read_csv(table, sep="\t").iloc[0]
    table.unlink()
    viewer = {
        "Country": "Germany", "Air Quality Station EoI Code": "DEA1", "Air Pollutant": "NO2",
        "Sampling Point Id": row.SamplingPoint, "Operational Activity Begin": "01/01/2010 00:00:00",
        "Operational Activity End": "", "Longitude": row.Longitude, "Latitude": row.Latitude,
        "Altitude": "", "Air Quality Station Type": "Traffic", "Air Quality Station Area": "Urban",
    }  # fmt: skip
    pd.DataFrame([viewer]).to_csv(stations / "DataExtract.csv", index=False)
    (stations / "._DataExtract.csv").write_bytes((stations / "DataExtract.csv").read_bytes())
    (stations / "2021" / "._SPO-A.parquet").write_bytes(b"mac")
    catalogue(config=Files(**folders), archive=tmp_path / "archive")
    period, out = Period(start="2021-06-01", end="2021-06-02"), tmp_path / "sites.parquet"
    build_sites(archive=tmp_path / "archive", config=Landuse(radius_m=100), period=period, out=out)
    found = read_sites(out).set_index("site_id").loc["DEA1"]
    assert found[["no2", "traffic", "urban"]].tolist() == [21, 1, 1]


def test_what_files_cannot_say_of_themselves_is_said_of_the_maps(folders, tmp_path):
    said = {"land_cover_legend": "corine-grid", "population_nodata": "nobody"}
    catalogue(config=Files(**folders, **said), archive=tmp_path / "archive")
    cover, people = (
        read_product(tmp_path / "archive", ANCILLARY, name) for name in ("land_cover", "population")
    )
    assert cover.properties["land_cover:legend"] == "corine-grid"
    assert people.properties["population:no_data"] == "nobody"


def test_a_map_of_the_world_has_the_worlds_box(folders, tmp_path):
    path = tmp_path / "mine" / "maps" / "population.tif"
    for crs, west, cell in (("ESRI:54009", -18e6, 1e5), ("EPSG:4326", 0.0, 1.0)):
        turned = rasterio.transform.from_origin(west, 90.0 * cell, cell, cell)
        shape = {"width": 360, "height": 180, "count": 1, "dtype": "float32"}
        with rasterio.open(path, "w", "GTiff", crs=crs, transform=turned, **shape) as file:
            file.write(np.full((1, 180, 360), 500, "f4"))
        catalogue(config=Files(**folders), archive=tmp_path / "archive")
        west_, _, east, _ = read_product(tmp_path / "archive", ANCILLARY, "population").bbox
        assert (west_, east) == pytest.approx((-180.0, 180.0), abs=0.5)


def test_maps_under_another_name_are_told(folders, tmp_path, caplog):
    maps = tmp_path / "mine" / "maps"
    for name in ("power_plants.CSV", "ROADS2.GPKG", "dem.tif.aux.xml", "global_power_plants.csv"):
        (maps / name).write_text("capacity_mw,latitude,longitude,primary_fuel\n1,53,10,Coal\n")
    catalogue(config=Files(**folders), archive=tmp_path / "archive")
    unused = "ROADS2.GPKG, global_power_plants.csv, power_plants.CSV"
    told = f"maps: 3 files in it are not used ({unused}): what is read is called dem.tif"
    assert told in caplog.text
    caplog.clear()
    for name in unused.split(", "):
        (maps / name).unlink()
    catalogue(config=Files(**folders), archive=tmp_path / "archive")
    assert "not used" not in caplog.text


def test_folders_that_are_not_given_make_no_collection(folders, tmp_path):
    root = tmp_path / "archive"
    catalogue(config=Files(**folders), archive=root)
    catalogue(config=Files(stations=folders["stations"]), archive=root)
    assert [product.id for product in read_collection(root, STATIONS)] == ["stations"]
    assert not has_collection(root, SENTINEL2)


def test_a_changed_file_is_noticed(folders, tmp_path):
    catalogue(config=Files(**folders), archive=tmp_path / "archive")
    with open(tmp_path / "mine" / "sites.csv", "a") as stream:
        stream.write("U2,10,53,DE\n")
    asset = read_product(tmp_path / "archive", STATIONS, "unlabelled").asset("table")
    with pytest.raises(ArchiveError, match="checksum differs"):
        asset.verify()


def missing(name):
    def damage(mine):
        path = mine / name
        path.rename(path.with_name("elsewhere"))

    return damage


def second_table(mine):
    source = mine / "stations" / "PanEuropean_metadata.csv"
    (mine / "stations" / "again.tsv").write_bytes(source.read_bytes())


def no_crs(mine):
    write_raster(mine / "maps" / "dem.tif", crs=None)


def empty_roads(mine):
    path = mine / "maps" / "roads.gpkg"
    path.unlink()
    empty = geopandas.GeoDataFrame({"class": []}, geometry=[], crs=32632)
    empty.to_file(path, layer="roads", driver="GPKG")


def two_layers(mine):
    line = geopandas.GeoSeries([LineString([(600_000, 5_899_990), (600_400, 5_899_990)])])
    for layer in ("borders", "rivers"):
        path = mine / "maps" / "roads.gpkg"
        if layer == "borders":
            path.unlink()
        line.set_crs(32632).to_file(path, layer=layer, driver="GPKG", mode="a")


FAULTS = [
    (empty_roads, ProductError, "roads.gpkg: its layer 'roads' holds no road"),
    (two_layers, ProductError, "roads.gpkg: holds 2 layers of lines: borders, rivers"),
    (missing("maps/dem.tif"), ArchiveError, "maps/dem.tif: the file does not exist"),
    (missing("maps/population.tif"), ArchiveError, "population.tif: the file does not exist"),
    (missing("maps/land_cover.tif"), ArchiveError, "land_cover.tif: the file does not exist"),
    (missing("maps/roads.gpkg"), ArchiveError, "maps/roads.gpkg: the file does not exist"),
    (missing("sites.csv"), ArchiveError, "sites.csv: the file does not exist"),
    (missing("s2"), ArchiveError, "s2: the folder does not exist"),
    (missing("stations/2021/SPO-A.parquet"), ArchiveError, "no Parquet file of EEA measurements"),
    (missing("stations/PanEuropean_metadata.csv"), ArchiveError, "holds 0 EEA station tables"),
    (second_table, ArchiveError, "holds 2 EEA station tables"),
    (no_crs, ProductError, "dem.tif: the raster has no coordinate reference system"),
    (lambda mine: (mine / "maps" / "roads.gpkg").write_text("x"), ProductError, "roads.gpkg: not"),
]


@pytest.mark.parametrize(("damage", "error", "message"), FAULTS)
def test_faults_end_in_one_line_and_no_archive(folders, tmp_path, damage, error, message):
    damage(tmp_path / "mine")
    with pytest.raises(error) as caught:
        catalogue(config=Files(**folders), archive=tmp_path / "out" / "archive")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_fault_leaves_the_older_archive_alone(folders, tmp_path):
    root = tmp_path / "archive"
    catalogue(config=Files(**folders), archive=root)
    before = (root / SENTINEL2 / "collection.json").read_bytes()
    missing("maps/dem.tif")(tmp_path / "mine")
    with pytest.raises(ArchiveError):
        catalogue(config=Files(**folders), archive=root)
    assert (root / SENTINEL2 / "collection.json").read_bytes() == before


def test_files_inside_the_archive_are_never_replaced(tmp_path):
    write_granule(tmp_path / "archive" / "s5p")
    with pytest.raises(ArchiveError, match="lies inside the archive"):
        catalogue(
            config=Files(sentinel5p=str(tmp_path / "archive" / "s5p")), archive=tmp_path / "archive"
        )
    assert list((tmp_path / "archive" / "s5p").iterdir())


def test_real_scenes_granules_and_stations(real_data, tmp_path, caplog):
    config = Files(
        sentinel2=str(real_data / "s2"), stations=str(real_data / "stations"),
        sentinel5p=str(real_data / "s5p" / "tropomi_sicily_channel"),
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        catalogue(config=config, archive=tmp_path)
    scenes = {scene.id[:9]: scene for scene in read_collection(tmp_path, SENTINEL2)}
    old, new = scenes["S2A_29RKH"], scenes["S2A_MSIL2"]
    assert (old.properties["boa_offset"], old.properties["s2:processing_baseline"]) == (0, "02.14")
    assert (new.properties["boa_offset"], new.properties["s2:processing_baseline"]) == (
        -1000, "04.00",
    )  # fmt: skip
    assert old.time == datetime(2020, 2, 19, 11, 34, 25, 405000, timezone.utc)
    assert new.time == datetime(2022, 7, 6, 8, 56, 11, tzinfo=timezone.utc)
    assert "SCL" in old.assets
    assert "cloud_mask" in new.assets
    assert (old.properties["proj:epsg"], new.properties["proj:epsg"]) == (32629, 32633)
    # The scene's own STAC item gives 24.31 to 25.30 N as the footprint of its data.
    assert old.bbox[1] < 24.314
    assert old.bbox[3] > 25.304
    granules = read_collection(tmp_path, SENTINEL5P)
    assert len(granules) == 32
    first = granules[0]
    assert first.time.isoformat().startswith("2018-05-14T12:01:20")
    assert first.properties["processor_version"] == "2.4.1"
    assert first.properties["sat:absolute_orbit"] == 3023
    assert all(13 < item.bbox[0] < item.bbox[2] < 20 for item in granules)
    assert "processor versions are mixed: 2.4.0, 2.4.1" in caplog.text
    stations = read_product(tmp_path, STATIONS, "stations")
    assert stations.asset("table").path.name == "PanEuropean_metadata.zip"
    assert sum(name.startswith("measurements_") for name in stations.assets) == 10
