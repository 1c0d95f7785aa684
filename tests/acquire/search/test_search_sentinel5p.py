"""Which granules a manifest names: streams, versions, area, and catalogues that differ."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from shapely.geometry import MultiPolygon, Polygon, box, mapping

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search.sentinel5p import choose, read_granule
from mmaq.acquire.search.sentinel5p import search_granules as find_granules
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from tests.acquire.search.made_up import granule_name, s5p_item
from tests.servers.data_space import Entry, data_space
from tests.servers.stac import paged, stac_api

JULY = Period(start="2021-07-01", end="2021-07-31")
OFFL, RPRO, NRTI = (f"sentinel-5p-l2-no2-{stream}" for stream in ("offl", "rpro", "nrti"))
OTHERS = ["sentinel-5p-l2-no2-nrti", "sentinel-5p-l2-co-offl", "sentinel-2-l2a"]
MIRROR = "sentinel-5p-l2-netcdf"


def entry(folder, name, start="2021-07-01T11:00:00.000000Z", online=True):
    file = folder / f"{name}.nc"
    file.write_bytes(name.encode())
    area = "POLYGON((-10 20, 20 20, 20 70, -10 70, -10 20))"
    about = "SENTINEL-5P", "L2__NO2___", start, start, area
    return Entry(f"{name}.nc", file, *about, online=online)


@contextmanager
def both(tmp_path, in_odata=(), in_stac=(), more=(OFFL, RPRO), archived=()):
    """The Data Space's two catalogues with these granules; a search of them."""
    entries = [entry(tmp_path, name, online=name not in archived) for name in in_odata]
    items = [s5p_item(name, OFFL) for name in in_stac]
    with (
        data_space(entries, tmp_path) as space,
        stac_api(items, tmp_path / "api", more=[*more]) as api,
    ):

        def search(**settings):
            endpoints = {**space.endpoints, "cdse-stac": api.url}
            return find_granules(Acquire(endpoints=endpoints, sentinel5p=settings), JULY)

        search.space, search.api, search.entries = space, api, entries
        yield search


def test_the_best_version_of_each_orbit(tmp_path):
    offl, rpro = granule_name("OFFL", 19000, "010400"), granule_name("RPRO", 19000)
    alone, late = granule_name("OFFL", 19001), granule_name("OFFL", 19002, day="20210801")
    nrti = granule_name("NRTI", 19003)
    found = [read_granule(s5p_item(name, OFFL)) for name in (offl, rpro, alone, late, nrti, alone)]
    chosen, passed_over = choose(found, Acquire(), JULY)
    assert [product.id for product in chosen] == [alone, rpro]
    assert passed_over == [LeftOut(id=offl, reason="a better version of the same orbit is taken")]


def test_only_granules_over_the_area():
    away = {"type": "Polygon", "coordinates": [[[7, 0], [9, 0], [9, 80], [7, 80], [7, 0]]]}
    slanted = {"type": "Polygon", "coordinates": [[[0, 45], [9, 60], [9, 61], [0, 46], [0, 45]]]}
    near, far, other = (granule_name(orbit=orbit) for orbit in (1, 2, 3))
    items = [s5p_item(near, OFFL), s5p_item(far, OFFL, geometry=away, bbox=[5, 0, 9, 80]),
             s5p_item(other, OFFL, geometry=slanted)]  # fmt: skip
    chosen, _ = choose(map(read_granule, items), Acquire(), JULY)
    assert [product.id for product in chosen] == [near]


FIJI = {
    "cut": MultiPolygon([box(170, -20, 180, 10), box(-180, -20, -170, 10)]),
    "beyond 180": box(170, -20, 190, 10),
    "beyond -180": box(-190, -20, -170, 10),
    "the long way round": Polygon([(170, -20), (-170, -20), (-170, 10), (170, 10)]),
    "a ring that crosses itself": Polygon([(160, -40), (178, -40), (-170, 40), (170, 40)]),
    "its box alone": None,
}  # fmt: skip


@pytest.mark.parametrize("form", FIJI)
def test_a_footprint_across_the_antimeridian_meets_areas_on_both_sides(form):
    place = FIJI[form] and mapping(FIJI[form])
    item = s5p_item(granule_name(), OFFL, geometry=place, bbox=[170, -20, -170, 10])
    for west, count in ((178.0, 1), (-179.0, 1), (100.0, int(form == "the long way round"))):
        chosen, _ = choose([read_granule(item)], Acquire(bbox=(west, -1.0, west + 1.0, 1.0)), JULY)
        assert len(chosen) == count


@pytest.mark.parametrize("bbox", [(170, -20, -170, 10), (170, -20, 190, 10), (-190, -20, -170, 10)])
def test_versions_of_an_overpass_across_the_antimeridian_count_once(bbox):
    names = granule_name("OFFL"), granule_name("RPRO")
    boxes = (170, -20, -170, 10), bbox
    items = [
        s5p_item(name, OFFL, geometry=mapping(FIJI["cut"]), bbox=list(each))
        for name, each in zip(names, boxes, strict=True)
    ]
    chosen, older = choose(map(read_granule, items), Acquire(bbox=(178.0, -1.0, 179.0, 1.0)), JULY)
    assert [product.id for product in chosen] == [names[1]]
    assert [product.id for product in older] == [names[0]]


def test_pieces_of_an_orbit_on_two_sides_of_the_antimeridian_are_two():
    sides = (150, -20, 178, 10), (-178, -20, -150, 10)
    items = [
        s5p_item(granule_name(stream), OFFL, geometry=mapping(box(*each)), bbox=list(each))
        for stream, each in zip(("OFFL", "RPRO"), sides, strict=True)
    ]
    chosen, _ = choose(map(read_granule, items), Acquire(bbox=(-180.0, -1.0, 180.0, 1.0)), JULY)
    assert len(chosen) == 2


def test_the_way_that_is_asked_for():
    item = s5p_item(granule_name(), OFFL)
    assert read_granule(item).product.files["product"].href.startswith("https://download.")
    assert read_granule(item, scheme="s3").product.files["product"].href.startswith("s3://eodata/")


def test_without_geometry_and_bbox():
    item = s5p_item(granule_name(), OFFL, geometry=None)
    assert read_granule(item).footprint.bounds == (-10, 20, 20, 70)
    del item["bbox"]
    assert read_granule(item).reason == "the item has neither a geometry nor a bbox"
    empty = s5p_item("strange", OFFL, assets={})
    assert read_granule(empty).reason == "the item has no file with the name of an NO2 granule"
    other = s5p_item(granule_name().replace("NO2____", "CO_____"), OFFL)
    assert read_granule(other) is None


def test_stac_with_sizes_and_sums_of_odata(tmp_path):
    name = granule_name()
    with both(tmp_path, [name], [name], [RPRO, *OTHERS]) as search:
        manifest = search()
        asked = [request.body for request in search.api.server.asked("/search")]
        (by_s3,) = search(download="s3").products
    (product,) = manifest.products
    file = product.files["product"]
    assert file.href == f"{search.space.endpoints['cdse']}/Products({search.entries[0].id})/$value"
    assert (file.bytes, len(file.md5), len(file.blake3)) == (len(name), 32, 64)
    assert product.properties["processor_version"] == "2.4.0"
    assert b'"sentinel-5p-l2-no2-offl"' in asked[0]
    assert b'"sentinel-5p-l2-no2-rpro"' in asked[0]
    assert b"nrti" not in asked[0]
    assert b"-co-" not in asked[0]
    assert by_s3.files["product"].href == f"s3://eodata/{name}.nc"
    assert by_s3.files["product"].bytes == len(name)


def test_what_only_one_catalogue_lists_is_taken(tmp_path, caplog):
    in_stac, in_odata = granule_name(orbit=1, processor="020600"), granule_name(orbit=2)
    caplog.set_level("INFO")
    with both(tmp_path, [in_odata], [in_stac]) as search:
        manifest = search()
    assert [product.id for product in manifest.products] == [in_stac, in_odata]
    assert manifest.products[0].files["product"].bytes is None
    assert "1 granules are listed by OData alone" in caplog.text
    assert "cdse: processor versions are mixed: 2.4.0, 2.6.0" in caplog.text


def test_what_odata_calls_archived_is_not_taken_from_stac(tmp_path):
    gone, there = granule_name("RPRO", orbit=1), granule_name("RPRO", orbit=2)
    online = granule_name("OFFL", orbit=1)  # another version of the first
    names = [gone, there, online]
    with both(tmp_path, names, names, archived=[gone]) as search:
        manifest = search()
    assert [product.id for product in manifest.products] == [online, there]
    assert manifest.left_out == (LeftOut(id=f"{gone}.nc", reason="it is archived, not online"),)


def test_what_is_not_there_is_a_named_failure(tmp_path):
    told = "cdse: holds no Sentinel-5P NO2 granule of 2021-07-01"
    with both(tmp_path) as search, pytest.raises(ServiceError, match=told):
        search()
    told = "lists no collection of Sentinel-5P NO2 for rpro"
    more = tmp_path / "more"
    more.mkdir()
    with both(more, more=[OFFL, *OTHERS]) as search, pytest.raises(ServiceError, match=told):
        search()


def test_the_mirror(tmp_path, caplog):
    """Shortened ids, one collection of all gases, addresses without a signature."""
    name = granule_name()
    root = "https://sentinel5euwest.blob.core.windows.net/sentinel-5p/TROPOMI"
    no2 = s5p_item("S5P_L2_NO2____20210701T110000_20210701T124130_19000", MIRROR)
    no2["assets"] = {"no2": {"href": f"{root}/L2__NO2___/2021/07/01/{name}.nc?sig=SECRET"}}
    co_name = name.replace("NO2____", "CO_____")
    co = s5p_item("S5P_L2_CO_____20210701T110000_20210701T124130_19000", MIRROR)
    co["assets"] = {"co": {"href": f"{root}/L2__CO____/2021/07/01/{co_name}.nc"}}
    with stac_api([no2, co], tmp_path, prefix="/stac/v1") as api:
        asked = Acquire(
            endpoints={"planetary-computer": api.server.url},
            sentinel5p={"provider": "planetary-computer"},
        )
        manifest = find_granules(asked, JULY)
    (product,) = manifest.products
    assert product.id == name
    assert product.files["product"].href == f"{root}/L2__NO2___/2021/07/01/{name}.nc"
    assert "planetary-computer: no granule from 2021-07-02 to 2021-07-31" in caplog.text
    assert manifest.left_out == ()


def test_a_broken_item_is_left_out_with_the_reason(tmp_path, caplog):
    good, bad = s5p_item(granule_name(), MIRROR), s5p_item("bad", MIRROR, assets=[1])
    with paged([{"features": [good, bad]}], tmp_path) as api:
        api.server.answer = _under("/stac/v1", api.server.answer)
        asked = Acquire(
            endpoints={"planetary-computer": api.url}, sentinel5p={"provider": "planetary-computer"}
        )
        manifest = find_granules(asked, JULY)
    (left,) = manifest.left_out
    assert left.id == "bad"
    assert left.reason.startswith("its entry cannot be read (AttributeError(")
    assert "planetary-computer: left out: 1 because its entry cannot be read" in caplog.text
    assert "(first bad)" in caplog.text


def _under(prefix, answer):
    """The same answers under a path."""

    def moved(asked):
        asked.path = asked.path.removeprefix(prefix) or "/"
        return answer(asked)

    return moved
