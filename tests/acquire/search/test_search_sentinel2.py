"""Which scenes a manifest names for which site, and what each says of its values."""

from __future__ import annotations

import json

import pytest
from shapely.geometry import MultiPolygon, Polygon, box, mapping

from mmaq.acquire.manifest import LeftOut, read_manifest, write_manifest
from mmaq.acquire.search.scenes import newest, read_scene, whole_scene
from mmaq.acquire.search.sentinel2 import clearest_dates
from mmaq.acquire.search.sentinel2 import search_scenes as find_scenes
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from tests.acquire.search.conftest import table
from tests.acquire.search.made_up import c1_item
from tests.servers.data_space import Entry, data_space
from tests.servers.stac import paged, stac_api

JULY = Period(start="2021-07-01", end="2021-07-31")
SIDE = 320.0


def scene(name, day=1, **changes):
    return read_scene(c1_item(name, f"2021-07-{day:02d}T10:40:21Z", **changes))


@pytest.mark.parametrize(
    ("changes", "offset"),
    [
        ({"offset": -0.1}, -1000),
        ({"offset": 0}, 0),
        ({"offset": None}, -1000),  # baseline 05.00
    ],
)
def test_offset_of_the_band_goes_before_the_baseline(changes, offset):
    assert scene("a", **changes).product.properties["boa_offset"] == offset


def test_offset_by_the_baseline_and_where_it_was_taken_off():
    old = c1_item("a", offset=None)
    old["properties"]["s2:processing_baseline"] = "03.01"
    assert read_scene(old).product.properties["boa_offset"] == 0
    old["properties"]["s2:processing_baseline"] = "99.99"
    assert "99.99" in read_scene(old).reason
    taken = c1_item("b")
    taken["properties"]["earthsearch:boa_offset_applied"] = True
    assert read_scene(taken).product.properties["boa_offset"] == 0


def test_addresses_are_unsigned_and_sums_are_read():
    item = c1_item("a")
    item["assets"]["red"] |= {
        "href": "https://x.blob.core.windows.net/a/B04.tif?sv=1&sig=SECRET#x", "file:size": 77,
        "file:checksum": "1220" + "ab" * 32,
    }  # fmt: skip
    item["assets"]["blue"]["file:checksum"] = "d50110" + "cd" * 16
    item["assets"]["nir"]["file:checksum"] = "1e20" + "ef" * 32
    files = read_scene(item).product.files
    assert files["B04"].href == "https://x.blob.core.windows.net/a/B04.tif"
    assert (files["B04"].bytes, files["B04"].sha256) == (77, "ab" * 32)
    assert files["B02"].md5 == "cd" * 16
    assert files["B08"].blake3 == "ef" * 32


def test_a_missing_band_leaves_the_scene_out():
    item = c1_item("a")
    del item["assets"]["rededge2"], item["assets"]["scl"]
    assert read_scene(item) == LeftOut(id="a", reason="the item lacks B06, SCL")


def test_clearest_tiles_first_and_one_a_date():
    scenes = [
        scene("cloudy", 1, cloud=30.0), scene("clear", 1, cloud=10.0), scene("best", 9, cloud=1.0),
        scene("worst", 5, cloud=50.0),
    ]  # fmt: skip
    chosen = clearest_dates(scenes, table(("s", 6.1, 49.6)), SIDE, 2)
    assert [found.product.id for found in chosen["s"]] == ["best", "clear"]


def test_the_footprint_holds_the_whole_window():
    edge = scene("edge", bounds=(6.0, 49.0, 6.1, 50.0))
    metre = 1 / 71_700  # degrees of longitude at 49.6 N
    inside, across = 6.1 - 250 * metre, 6.1 - 200 * metre
    sites = table(("inside", inside, 49.6), ("across", across, 49.6), ("outside", 6.2, 49.6))
    chosen = clearest_dates([edge], sites, SIDE, 3)
    assert {site: len(found) for site, found in chosen.items()} == {
        "inside": 1, "across": 0, "outside": 0,
    }  # fmt: skip


def test_a_later_processing_replaces_the_same_scene():
    old, new = c1_item("old", cloud=1.0), c1_item("new", cloud=2.0)
    old["properties"]["s2:processing_baseline"] = "02.14"
    other = c1_item("other")
    other["properties"]["grid:code"] = "MGRS-31UFR"
    kept, left = newest([read_scene(item) for item in (new, old, other)])
    assert sorted(found.product.id for found in kept) == ["new", "other"]
    assert left == [LeftOut(id="old", reason="new is a later processing of the same scene")]


def test_a_scene_that_is_listed_twice_is_no_later_processing_of_itself():
    kept, left = newest([scene("a"), scene("b", 2), scene("a")])
    assert [found.product.id for found in kept] == ["a", "b"]
    assert left == []


NORTH, SOUTH = (106.5, 37.45, 107.7, 37.9), (106.5, 36.9, 107.7, 37.5)


def half(made, bounds, baseline="0214"):
    """One of two products of a pass that was received in pieces, as whole products are listed."""
    name = f"S2A_MSIL2A_20210106T034131_N{baseline}_R061_T48SXG_{made}"
    return whole_scene(name, {}, box(*bounds), {"eo:cloud_cover": 5})


def kept_of(*scenes):
    kept, left = newest(list(scenes))
    return {scene.product.id[-15:] for scene in kept}, [found.id[-15:] for found in left]


def test_two_halves_of_a_tile_at_one_time_are_two_scenes():
    north, south = half("20210106T055417", NORTH), half("20210106T070711", SOUTH)
    assert kept_of(north, south) == ({"20210106T055417", "20210106T070711"}, [])
    items = [c1_item(name, "2021-01-06T03:41:31.024Z", bounds=bounds)
             for name, bounds in (("a", NORTH), ("b", SOUTH))]  # fmt: skip
    assert kept_of(*map(read_scene, items)) == ({"a", "b"}, [])


def test_each_half_is_replaced_by_its_own_later_processing():
    scenes = (
        half("20210106T055417", NORTH), half("20210106T070711", SOUTH),
        half("20230101T000001", NORTH, "0500"),
    )  # fmt: skip
    assert kept_of(*scenes) == ({"20230101T000001", "20210106T070711"}, ["20210106T055417"])
    whole = half("20230101T000002", (106.49, 36.89, 107.71, 37.91), "0500")
    assert kept_of(*scenes, whole)[0] == {"20230101T000002"}


def test_equal_footprints_of_one_baseline_are_one_scene():
    nearly = (106.5, 37.45, 107.71, 37.9)
    found = kept_of(half("20210106T055417", NORTH), half("20210106T070711", nearly))
    assert found == ({"20210106T070711"}, ["20210106T055417"])


FIJI = {
    "cut": MultiPolygon([box(179.5, -17.5, 180, -16.5), box(-180, -17.5, -179.5, -16.5)]),
    "beyond 180": box(179.5, -17.5, 180.5, -16.5),
    "beyond -180": box(-180.5, -17.5, -179.5, -16.5),
    "the long way round": Polygon([(179.5, -17.5), (-179.5, -17.5), (-179.5, -16.5),
                                   (179.5, -16.5)]),
}  # fmt: skip


@pytest.mark.parametrize("form", FIJI)
def test_a_footprint_across_the_antimeridian_holds_windows_on_both_sides(form):
    item = c1_item("fiji", geometry=mapping(FIJI[form]), bbox=[179.5, -17.5, -179.5, -16.5])
    sites = table(("west", 179.985, -16.8), ("on", 179.9995, -16.8), ("east", -179.9995, -16.8),
                  ("far", 179.0, -16.8), ("other", 0.0, -16.8))  # fmt: skip
    chosen = clearest_dates([read_scene(item)], sites, SIDE, 2)
    assert [len(found) for found in chosen.values()] == [1, 1, 1, 0, 0]


def test_a_box_across_the_antimeridian_serves_where_there_is_no_geometry():
    item = c1_item("fiji", geometry=None, bbox=[179.5, -17.5, -179.5, -16.5])
    sites = table(("west", 179.985, -16.8), ("east", -179.9995, -16.8), ("other", 0.0, -16.8))
    chosen = clearest_dates([read_scene(item)], sites, SIDE, 2)
    assert [len(found) for found in chosen.values()] == [1, 1, 0]


def test_manifest_of_windows(tmp_path, caplog):
    served = [
        c1_item("a", "2021-07-01T10:40:21Z", cloud=20.0),
        c1_item("b", "2021-07-06T10:40:21Z", cloud=10.0),
        c1_item("too_cloudy", "2021-07-11T10:40:21Z", cloud=61.0),
        c1_item("unused", "2021-07-16T10:40:21Z", cloud=59.0),
        c1_item("no_scl", "2021-07-21T10:40:21Z", assets={}),
    ]
    sites = table(("one", 6.1, 49.6), ("two", 6.2, 49.7), ("beyond", 6.0, 51.0))
    with stac_api(served, tmp_path / "api") as api:
        asked = Acquire(endpoints={"earth-search": api.url}, sentinel2={"dates": 2})
        manifest = find_scenes(asked, JULY, sites, SIDE)
    write_manifest(tmp_path / "m.json", manifest)
    back = read_manifest(tmp_path / "m.json")
    assert back.candidates == manifest.candidates
    assert {product.id: product for product in back.products} == {
        product.id: product for product in manifest.products
    }
    assert manifest.candidates == {"one": ("b", "a"), "two": ("b", "a"), "beyond": ()}
    assert {product.id for product in manifest.products} == {"a", "b"}
    assert [found.id for found in manifest.left_out] == ["no_scl"]
    assert "1 sites have no scene, the first beyond" in caplog.text
    assert "earth-search: left out: 1 because the item lacks B01, B02," in caplog.text
    assert "B12, SCL (first no_scl)" in caplog.text


def test_pages_that_overlap_count_each_item_once(tmp_path, caplog):
    broken, a, b = c1_item("no_scl", assets={}), c1_item("a"), c1_item("b", "2021-07-06T10:40:21Z")
    pages = [{"features": [broken, a], "next": 1}, {"features": [broken, a, b]}]
    with paged(pages, tmp_path) as api:
        asked = Acquire(endpoints={"earth-search": api.url})
        manifest = find_scenes(asked, JULY, table(("one", 6.1, 49.6)), SIDE)
    assert sorted(product.id for product in manifest.products) == ["a", "b"]
    assert [found.id for found in manifest.left_out] == ["no_scl"]
    assert "left out: 1 because" in caplog.text


def test_a_period_ends_with_its_last_day(tmp_path):
    last, after = "2021-07-31T23:59:59.024Z", "2021-08-01T00:00:00Z"
    both = Period(start="2021-07-01", end="2021-08-31")
    with stac_api([c1_item("last", last), c1_item("after", after)], tmp_path) as api:
        asked = Acquire(endpoints={"earth-search": api.url})
        sites = table(("one", 6.1, 49.6))
        of_july, of_both = (find_scenes(asked, period, sites, SIDE) for period in (JULY, both))
    assert [product.id for product in of_july.products] == ["last"]
    assert sorted(product.id for product in of_both.products) == ["after", "last"]
    assert of_both.left_out == ()


def test_nothing_found_is_a_named_failure(tmp_path):
    with stac_api([], tmp_path, more=["sentinel-2-c1-l2a"]) as api:
        asked = Acquire(endpoints={"earth-search": api.url})
        with pytest.raises(ServiceError, match="holds no Sentinel-2 scene of 2021-07"):
            find_scenes(asked, JULY, table(("one", 6.1, 49.6)), SIDE)


def entry(folder, day, tile="31UGR", cloud=5.0):
    name = f"S2A_MSIL2A_202107{day:02d}T104021_N0500_R008_T{tile}_20230101T000000.SAFE"
    file = folder / f"{name}.zip"
    file.write_bytes(b"zip" * day)
    area = "POLYGON((5.6 49.3, 7.2 49.3, 7.2 50.4, 5.6 50.4, 5.6 49.3))"
    moment = f"2021-07-{day:02d}T10:40:21.024000Z"
    return Entry(name, file, "SENTINEL-2", "S2MSI2A", moment, moment, area, {"cloudCover": cloud})


def test_whole_products_of_the_data_space(tmp_path):
    entries = [entry(tmp_path, day, cloud=cloud) for day, cloud in ((1, 9.0), (6, 3.0), (11, 70.0),
                                                                    (16, 30.0))]  # fmt: skip
    with data_space(entries, tmp_path) as space:
        asked = Acquire(endpoints=space.endpoints, sentinel2={"provider": "cdse", "dates": 2})
        manifest = find_scenes(asked, JULY, table(("one", 6.1, 49.6)), SIDE)
    found = {product.id: product for product in manifest.products}
    assert list(found) == [entries[1].name[:-5], entries[0].name[:-5]]
    file = found[entries[0].name[:-5]].files["product"]
    assert file.href == f"{space.endpoints['cdse']}/Products({entries[0].id})/$value"
    assert (file.bytes, len(file.md5), len(file.blake3)) == (3, 32, 64)
    assert manifest.candidates == {}
    assert manifest.service == "cdse"


def test_band_files_of_the_object_store(tmp_path, recorded):
    names = recorded("cdse_stac_collection_sentinel-2-l2a.json")["item_assets"]
    identity = "S2A_MSIL2A_20210701T104021_N0500_R008_T31UGR_20230101T000000"
    item = c1_item(identity, collection="sentinel-2-l2a")
    item["assets"] = {
        name: {"href": f"s3://eodata/{identity}.SAFE/{name}.jp2", "file:size": 5} for name in names
    }
    with stac_api([item], tmp_path) as api:
        settings = {"provider": "cdse", "download": "s3"}
        asked = Acquire(endpoints={"cdse-stac": api.url}, sentinel2=settings)
        manifest = find_scenes(asked, JULY, table(("one", 6.1, 49.6)), SIDE)
    (product,) = manifest.products
    assert product.files["B01"].href == f"s3://eodata/{identity}.SAFE/B01_60m.jp2"
    assert json.loads(product.model_dump_json())["files"]["SCL"]["bytes"] == 5
