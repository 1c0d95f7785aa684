from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from mmaq.acquire.ground.maps import boxes_of, tile_names
from mmaq.acquire.manifest import read_manifest
from mmaq.acquire.stage import fetch_maps
from mmaq.base.errors import ServiceError
from mmaq.config.data import Landuse
from mmaq.contracts.archive import read_collection
from mmaq.landuse.maps import point_values
from mmaq.landuse.sites import around_sites
from tests.acquire.ground.map_files import asking, extract, search, whole_country
from tests.servers.faulty import Status, faulty

PLACES = [(9.5, 49.5), (10.4, 50.3), (9.99, 49.999)]

UNKNOWN = "industr|coast|plant|_3000m|_10000m|on_map"
"""Columns of the surroundings that these maps cannot fill."""


@pytest.fixture
def remote(tmp_path):
    whole_country(tmp_path / "remote", np.random.default_rng(7))
    return tmp_path / "remote"


def fetched(server, tmp_path, places=PLACES, areas=(), **maps):
    acquire = asking(server, **maps)
    manifest, sites = search(acquire, places, tmp_path / "manifest", areas)
    fetch_maps(
        manifest=manifest, sites=sites, config=acquire, archive=tmp_path / "archive", workers=2
    )
    return manifest


def files_of(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_land_use_stage_reads_what_was_fetched(remote, tmp_path):
    with faulty(remote) as server:
        manifest = fetched(server, tmp_path)
    items = {item.id: item for item in read_collection(tmp_path / "archive", "ancillary")}
    assert sorted(items) == ["dem", "land_cover", "population", "roads"]
    assert items["land_cover"].properties["land_cover:legend"] == "worldcover"
    assert items["dem"].properties["sources"] == ["copernicus-dem-30@2021"]
    sites = pd.DataFrame(PLACES, columns=["lon", "lat"])
    around = around_sites(tmp_path / "archive", sites, Landuse())
    # WorldCover tells neither industry nor sea, and is fetched as far as the discs reach.
    known = around.drop(columns=[name for name in around if re.search(UNKNOWN, name)])
    assert known.notna().all(axis=None)
    assert around["population_density"].between(500, 4000).all()
    assert around["road_distance"].iloc[2] == pytest.approx(0.099 * 111_200, rel=0.05)
    lon, lat = sites.to_numpy().T
    assert np.isfinite(point_values(items["dem"].assets["data"].path, lon, lat)).all()
    assert read_manifest(manifest).asked["radius_m"] == 1000
    assert not list((tmp_path / "acquire_cache" / "ancillary").iterdir())


def test_an_area_that_is_mapped_has_its_maps_between_the_sites_too(remote, tmp_path):
    with faulty(remote) as server:
        fetched(server, tmp_path, PLACES[:1], [(9.7, 49.6, 10.2, 49.85)])
    lon, lat = (each.ravel() for each in np.meshgrid([9.7, 9.95, 10.199], [49.6, 49.7, 49.849]))
    for item in read_collection(tmp_path / "archive", "ancillary"):
        if item.id in ("dem", "land_cover"):
            assert np.isfinite(point_values(item.asset("data").path, lon, lat)).all()
            assert np.isnan(point_values(item.asset("data").path, lon[:1] - 0.05, lat[:1])).all()


def test_a_second_run_keeps_all_and_other_sites_make_anew(remote, tmp_path):
    with faulty(remote) as server:
        fetched(server, tmp_path)
        before, count = files_of(tmp_path / "archive"), len(server.paths())
        fetched(server, tmp_path)
        assert server.paths()[count:] == ["/europe/luxembourg-latest.osm.pbf.md5"]  # the search's
        assert files_of(tmp_path / "archive") == before
        fetched(server, tmp_path, [*PLACES, (10.5, 49.2)])
    dem = tmp_path / "archive" / "ancillary" / "dem" / "dem.tif"
    assert files_of(tmp_path / "archive")[dem] != before[dem]


def test_bytes_that_came_before_a_failure_are_not_fetched_again(remote, tmp_path):
    tile = "ESA_WorldCover_10m_2021_v200_N48E009_Map.tif"
    with faulty(remote) as server:
        server.always[f"/v200/2021/map/{tile}"] = Status(503)
        with pytest.raises(
            ServiceError, match=r"1 of 4 products failed, the first land_cover: .*503"
        ):
            fetched(server, tmp_path)
        assert not (tmp_path / "archive" / "ancillary" / "collection.json").exists()
        listed = json.loads((tmp_path / "manifest" / "failed_ancillary.json").read_text())
        assert [failure["id"] for failure in listed["failed"]] == ["land_cover"]
        server.forget()
        count = len(server.paths())
        fetched(server, tmp_path)
        asked = {path.rpartition("/")[2] for path in server.paths()[count:]}
    assert asked == {"luxembourg-latest.osm.pbf.md5", tile}
    assert not (tmp_path / "manifest" / "failed_ancillary.json").exists()


def test_tiles_of_open_sea_are_passed_over(remote, tmp_path):
    with faulty(remote) as server:
        fetched(server, tmp_path, [*PLACES, (9.0001, 49.5)])  # a window that reaches to 8.98
    dem = tmp_path / "archive" / "ancillary" / "dem" / "dem.tif"
    found = point_values(dem, np.array([8.99, 9.01]), np.array([49.5, 49.5]))
    assert np.isfinite(found).tolist() == [False, True]


def test_an_extract_that_the_server_replaced_since_the_search(remote, tmp_path):
    with faulty(remote) as server:
        acquire = asking(server)
        manifest, sites = search(acquire, PLACES, tmp_path / "manifest")
        extract(remote, "europe/luxembourg-latest", {7: ("trunk", [(9.0, 49.8), (11.0, 49.8)])})
        with pytest.raises(ServiceError, match="the server has a newer extract than the search"):
            fetch_maps(
                manifest=manifest,
                sites=sites,
                config=acquire,
                archive=tmp_path / "archive",
                workers=2,
            )
        assert "/europe/luxembourg-latest.osm.pbf" not in server.paths()


def test_several_extracts_and_one_by_its_day(remote, tmp_path):
    extract(remote, "europe/austria-240101", {9: ("primary", [(9.0, 49.2), (11.0, 49.2)])})
    roads = ("geofabrik-luxembourg@latest", "geofabrik-austria@240101")
    with faulty(remote) as server:
        fetched(server, tmp_path, roads=roads)
    item = next(i for i in read_collection(tmp_path / "archive", "ancillary") if i.id == "roads")
    assert item.properties["sources"] == list(roads)
    assert item.properties["licences"] == ["ODbL 1.0"]


def test_names_of_tiles_are_those_of_their_south_west_corner():
    boxes = [(-0.3, -0.3, -0.2, -0.2), (9.99, 49.99, 10.01, 50.01)]
    assert tile_names("land_cover", boxes) == ["N48E009", "S03W003"]
    dem = [name.removeprefix("Copernicus_DSM_COG_10_") for name in tile_names("dem", boxes)]
    assert dem == [
        "N49_00_E009_00_DEM", "N49_00_E010_00_DEM", "N50_00_E009_00_DEM", "N50_00_E010_00_DEM",
        "S01_00_W001_00_DEM",
    ]  # fmt: skip


def test_boxes_hold_the_rings_that_are_read_however_small_the_discs_are():
    sites = pd.DataFrame(PLACES, columns=["lon", "lat"])
    small, usual, large = (boxes_of(sites, radius, []) for radius in (100.0, 1000.0, 1001.0))
    assert small == usual
    assert large[0][0] < usual[0][0]


def test_tiles_at_the_antimeridian_exist():
    boxes = [(179.995, -16.81, 180.0, -16.79), (-180.0, -16.81, -179.995, -16.79)]
    assert tile_names("land_cover", boxes) == ["S18E177", "S18W180"]
    assert tile_names("dem", boxes)[0].endswith("E179_00_DEM")
    assert tile_names("dem", boxes)[1].endswith("W180_00_DEM")
