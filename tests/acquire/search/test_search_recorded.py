"""Every recorded answer that a search of ours could meet is read, and says what it should."""

from __future__ import annotations

import json

import pytest
import yaml

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search.items import bounding_box, footprint, remote_file, sensing_time
from mmaq.acquire.search.odata import read_listed
from mmaq.acquire.search.scenes import COLOURS, read_bands, read_scene, whole_scene
from mmaq.acquire.search.sentinel5p import Granule, read_granule
from mmaq.acquire.search.stac import collection_ids, get_pages, search_items, stac_service
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.config.data import Period
from tests.servers.faulty import Answer, faulty

CASSETTES = [
    "TestCLISearch.test_item_search[inprocess]", "TestCollectionClient.test_get_items_with_ids",
    "TestItemSearch.test_intersects_results", "TestSigning.test_sign_with_return_warns",
]  # fmt: skip


def test_retired_layout_of_earth_search(recorded):
    scene = read_scene(recorded("earthsearch_s2_item.json"))
    assert scene.product.properties == {
        "boa_offset": 0, "eo:cloud_cover": 2.36, "proj:epsg": 32628,
        "s2:processing_baseline": "02.14",
    }  # fmt: skip
    assert set(scene.product.files) == set(COLOURS)
    assert scene.product.files["B8A"].href.endswith("S2A_28QCH_20200714_0_L2A/B8A.tif")
    assert (scene.tile, scene.cloud) == ("28QCH", 2.36)
    assert scene.product.time.isoformat() == "2020-07-14T11:55:52+00:00"


def test_present_layout_of_earth_search(real_data):
    path = real_data / "s2" / "cog_29RKH" / "S2A_29RKH_20200219_0_L2A.json"
    scene = read_scene(json.loads(path.read_text()))
    assert scene.product.files["B05"].href.endswith("/B05.tif")
    assert scene.product.files["SCL"].href.endswith("/SCL.tif")
    assert scene.product.properties["boa_offset"] == 0
    assert scene.tile == "29RKH"


def test_level_1c_of_earth_search_is_left_out(recorded):
    (item,) = recorded("eodag_earth_search_search.json")["features"]
    found = read_scene(item)
    assert found == LeftOut(id="S2B_27VWK_20240206_0_L1C", reason="the item lacks SCL")


def test_planetary_computer(recorded):
    scene = read_scene(recorded("pc_s2l2a_item_odc_stac.json"))
    assert scene.product.properties["s2:processing_baseline"] == "02.12"
    assert scene.product.properties["boa_offset"] == 0
    assert scene.product.files["B12"].href.endswith("_B12_20m.tif")
    assert scene.tile == "06VVN"
    west, south, east, north = scene.product.bbox
    assert -149 < west < east < -146
    assert 60 < south < north < 62


def test_granule_of_planetary_computer(recorded):
    item = recorded("stactools_s5p_no2_item.json")
    item["id"] = "S5P_L2_NO2____20200303T013547_20200303T031717_12367"  # as the mirror shortens it
    granule = read_granule(item)
    assert isinstance(granule, Granule)
    assert granule.product.id.endswith("_12367_01_010302_20200306T053815")
    assert granule.product.time.isoformat() == "2020-03-03T01:35:47+00:00"
    assert granule.product.properties["processor_version"] == "1.3.2"
    assert granule.product.properties["s5p:stream"] == "OFFL"
    assert granule.footprint.is_valid


def test_search_of_the_data_space(recorded):
    """Mosaics, of which no search of ours asks: files, sizes and footprints are read, too."""
    features = recorded("cdse_stac_v1_search_s2_global_mosaics.json")["features"]
    assert features
    for item in features:
        place = footprint(item)
        assert place.bounds == pytest.approx(bounding_box(item, place), abs=1e-3)
        assert sensing_time(item).year == 2023
        assert remote_file(item["assets"]["B02"]).bytes == 177854664
        assert isinstance(read_bands(item), LeftOut)


def test_assets_of_the_data_space_are_the_collection_s(recorded):
    names = set(recorded("cdse_stac_collection_sentinel-2-l2a.json")["item_assets"])
    assets = {name: {"href": f"s3://eodata/{name}.jp2"} for name in names}
    identity = "S2B_MSIL2A_20200101T100319_N0500_R122_T33TXN_20230618T201545"
    item = {"id": identity, "bbox": [16.0, 46.0, 17.0, 47.0], "assets": assets, "properties": {}}
    files = read_bands(item).product.files
    assert files["B02"].href == "s3://eodata/B02_10m.jp2"
    assert files["B09"].href == "s3://eodata/B09_60m.jp2"
    assert files["SCL"].href == "s3://eodata/SCL_20m.jp2"
    assert len(files) == 13


def test_level_2a_of_odata(recorded):
    entries = recorded("eodm_odata.json")["value"]
    listed = [read_listed(entry) for entry in entries]
    assert [product.bytes for product in listed] == [entry["ContentLength"] for entry in entries]
    remote = listed[0].file("https://download/odata/v1", "odata")
    assert remote.href == (
        "https://download/odata/v1/Products(6a7b999d-1ec3-4149-89de-a80af429b7ea)/$value"
    )
    assert remote.md5 == "035a4da8c5aff74ece4412f688901e14"
    assert remote.blake3 == "3134d6657d419e92e897a2fb90ef6158c3449c04a70cd7cacd56fd1d69347089"
    for product in listed:
        scene = whole_scene(product.id, {"product": remote}, product.footprint, {})
        assert scene.tile.startswith("33")


def test_attributes_of_odata(recorded):
    listed = [
        read_listed(entry) for entry in recorded("eodag_cop_dataspace_odata_search.json")["value"]
    ]
    assert listed[0].attributes["cloudCover"] == 95.136736479015
    assert listed[0].time.isoformat() == "2020-08-08T01:03:11.024000+00:00"
    refused = whole_scene(listed[0].id, {}, listed[0].footprint, {})
    assert refused.reason == "its id is no name of a Level-2A product"


@pytest.mark.parametrize("page", [1, 2, 5])
def test_entries_without_a_footprint_are_left_out(recorded, page):
    entries = recorded(f"cdsetool_s1_odata_page_{page}.json")["value"]
    found = [read_listed(entry) for entry in entries]
    without = [entry["Name"] for entry in entries if not entry["GeoFootprint"]]
    assert without
    assert [item.id for item in found if isinstance(item, LeftOut)] == without


def test_opensearch_of_the_data_space_names_granules_that_are_known(recorded):
    """The retired OpenSearch is not asked; its titles are names as every catalogue has them."""
    for entry in recorded("creodias_opensearch_L2__NO2___.json")["features"]:
        title = entry["properties"]["title"].removesuffix(".nc")
        remote = {"data": {"href": f"s3://eodata/{title}.nc"}}
        granule = read_granule({"id": title, "geometry": entry["geometry"], "assets": remote})
        assert granule.product.id == title
        assert granule.product.properties["s5p:stream"] == "NRTI"
        assert granule.footprint.is_valid
    for entry in recorded("creodias_opensearch_S2MSI2A.json")["features"]:
        identity = entry["properties"]["title"].removesuffix(".SAFE")
        place = footprint({"geometry": entry["geometry"]})
        scene = whole_scene(identity, {}, place, {})
        assert scene.product.properties["s2:processing_baseline"] == "05.00"


def test_stored_search_of_eodag(recorded):
    for item in recorded("eodag_search_result_cop_dataspace.geojson")["features"]:
        assert footprint(item).bounds == pytest.approx(item["bbox"], abs=1e-3)
        assert read_scene(item).reason.startswith("the item lacks B01")


@pytest.mark.parametrize("name", CASSETTES)
def test_cassettes_of_planetary_computer(real_data, tmp_path, name, monkeypatch):
    """The recorded dialogue, played by a server: landing page, search and its first page."""
    text = (real_data / "apis" / f"pystac-client_{name}.yaml").read_text()
    host = "https://planetarycomputer.microsoft.com/api"
    played = {
        entry["request"]["uri"].removeprefix(host).split("?")[0].rstrip("/"): json.loads(
            entry["response"]["body"]["string"]
        )
        for entry in yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["interactions"]
    }

    def answer(asked):
        found = played.get(asked.path.rstrip("/"))
        if found is None:
            return None
        return Answer(200, json.dumps(found).replace(host, server.url).encode())

    with faulty(tmp_path, answer) as server:
        at = stac_service("planetary-computer", {"planetary-computer": server.url})
        with Client(at) as client:
            if "/stac/v1/search" in played:
                body = played["/stac/v1/search"]
                page = next(get_pages(client, f"{at.url}/search", "POST", {"limit": 1}))
                assert len(page["features"]) == len(body["features"])
                for item in page["features"]:
                    place = footprint(item)
                    assert place.bounds == pytest.approx(bounding_box(item, place), abs=1e-3)
                    assert all(remote_file(asset).href for asset in item["assets"].values())
            if {"/stac/v1", "/stac/v1/search"} <= played.keys():
                span = Period(start="2021-07-01", end="2021-07-31")
                sent = {"eo:cloud_cover": ("lte", 60)}
                next(search_items(client, ["sentinel-2-l2a"], (0.0, 0.0, 1.0, 1.0), span, sent), 0)
                asked = json.loads(server.asked("/stac/v1/search")[-1].body)
                assert asked["query"] == {"eo:cloud_cover": {"lte": 60}}


def test_recorded_collections_are_told_by_their_ids(recorded, tmp_path):
    names = {
        "cdse_stac_collection_sentinel-2-l2a": "sentinel-2-l2a",
        "cdse_stac_v1_collection_s2_global_mosaics": "sentinel-2-global-mosaics",
        "pc_sentinel-2-l2a.collection": "sentinel-2-l2a",
    }
    for file, name in names.items():
        listed = json.dumps({"collections": [recorded(f"{file}.json")], "links": []}).encode()
        with (
            faulty(tmp_path, lambda asked, body=listed: Answer(200, body)) as server,
            Client(service("cdse-stac", {"cdse-stac": server.url})) as client,
        ):
            assert collection_ids(client) == [name]
