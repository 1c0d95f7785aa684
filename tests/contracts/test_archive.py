"""Contract 1: round trip, checksums, and every way in which an archive can be broken."""

import json
import os
import subprocess
import sys
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import ArchiveError
from mmaq.base.files import temporary_of
from mmaq.contracts import archive
from mmaq.contracts.archive import (
    ANCILLARY,
    COLLECTIONS,
    SENTINEL2,
    STATIONS,
    Asset,
    Product,
    has_collection,
    read_collection,
    read_product,
    write_collection,
)

TIME = datetime(2021, 6, 3, 10, 36, 29, tzinfo=timezone.utc)
BOX = (8.0, 50.0, 9.5, 52.5)


def product(root, name="scene", text="pixels", **properties):
    """A product with one asset inside the archive."""
    path = root / SENTINEL2 / name / "bands.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    asset = Asset(path, ("B02", "B03"))
    return Product(name, SENTINEL2, TIME, BOX, {"bands": asset}, properties)


def test_round_trip(tmp_path):
    written = product(tmp_path, boa_offset=-1000, processor_version="05.00")
    write_collection(tmp_path, SENTINEL2, "scenes", [written])
    [read] = read_collection(tmp_path, SENTINEL2)
    assert (read.id, read.collection, read.time, read.bbox) == ("scene", SENTINEL2, TIME, BOX)
    assert read.properties == {"boa_offset": -1000, "processor_version": "05.00"}
    asset = read.asset("bands")
    assert asset.bands == ("B02", "B03")
    assert asset.path.read_text() == "pixels"
    asset.verify()
    assert read_product(tmp_path, SENTINEL2, "scene") == read
    assert has_collection(tmp_path, SENTINEL2)
    assert not has_collection(tmp_path, STATIONS)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-180, 180), st.floats(-90, 90),
    st.datetimes(datetime(1990, 1, 1), datetime(2050, 1, 1)),
    st.dictionaries(st.sampled_from(["a", "b:c"]), st.integers() | st.text() | st.booleans()),
)  # fmt: skip
def test_any_place_time_and_property_survives(tmp_path_factory, lon, lat, time, properties):
    root = tmp_path_factory.mktemp("archive")
    when = time.replace(tzinfo=timezone.utc)
    written = Product("p", STATIONS, when, (lon, lat, lon, lat), {}, properties)
    write_collection(root, STATIONS, "tables", [written])
    assert read_product(root, STATIONS, "p") == written


def test_assets_elsewhere_keep_their_absolute_path(tmp_path):
    outside = tmp_path / "mine" / "dem.tif"
    outside.parent.mkdir()
    outside.write_text("heights")
    item = Product("dem", ANCILLARY, TIME, BOX, {"data": Asset(outside)})
    write_collection(tmp_path / "archive", ANCILLARY, "maps", [item])
    assert read_product(tmp_path / "archive", ANCILLARY, "dem").asset("data").path == outside


def test_an_archive_can_be_moved(tmp_path):
    write_collection(tmp_path / "old", SENTINEL2, "scenes", [product(tmp_path / "old")])
    (tmp_path / "old").rename(tmp_path / "new")
    read_product(tmp_path / "new", SENTINEL2, "scene").asset("bands").verify()


def test_digest_changes_when_and_only_when_a_product_does(tmp_path):
    def written(order=1, text="pixels"):
        parts = [product(tmp_path, "a"), product(tmp_path, "b", text)][::order]
        return write_collection(tmp_path, SENTINEL2, "scenes", parts).read_bytes()

    first = written()
    assert written(order=-1) == first
    assert written(text="other") != first
    assert written() == first


def test_catalogue_lists_its_collections_in_one_order(tmp_path):
    write_collection(tmp_path, STATIONS, "tables", [])
    write_collection(tmp_path, SENTINEL2, "scenes", [product(tmp_path)])
    links = json.loads((tmp_path / "catalog.json").read_text())["links"]
    assert [link["href"] for link in links] == [
        f"./{SENTINEL2}/collection.json", f"./{STATIONS}/collection.json",
    ]  # fmt: skip


def test_a_collection_that_another_node_writes_meanwhile_is_listed(tmp_path, monkeypatch):
    """Between the look and the list, another node writes its collection and lists both."""
    write = archive.write_json

    def interrupted(path, value):
        if path.name == "catalog.json":
            monkeypatch.setattr(archive, "write_json", write)
            write_collection(tmp_path, STATIONS, "tables", [])
            assert len(json.loads(path.read_text())["links"]) == 2
        write(path, value)

    monkeypatch.setattr(archive, "write_json", interrupted)
    write_collection(tmp_path, SENTINEL2, "scenes", [product(tmp_path)])
    links = json.loads((tmp_path / "catalog.json").read_text())["links"]
    assert [link["href"] for link in links] == [
        f"./{SENTINEL2}/collection.json", f"./{STATIONS}/collection.json",
    ]  # fmt: skip


def test_half_a_collection_of_another_node_is_neither_listed_nor_removed(tmp_path):
    """It has a folder with items, but no collection.json as yet."""
    half = temporary_of(tmp_path / SENTINEL2 / "collection.json", "node-17", os.getpid())
    half.parent.mkdir()
    other = temporary_of(tmp_path / "catalog.json", "node-17", os.getpid())
    for path in (half, other):
        path.write_text("{")
    write_collection(tmp_path, STATIONS, "tables", [])
    links = json.loads((tmp_path / "catalog.json").read_text())["links"]
    assert [link["href"] for link in links] == [f"./{STATIONS}/collection.json"]
    assert half.exists()
    assert other.exists()


def test_processes_that_write_side_by_side_are_all_listed(tmp_path):
    code = (
        "import sys; from mmaq.contracts.archive import write_collection;"
        "[write_collection(sys.argv[1], sys.argv[2], 'about', []) for _ in range(20)]"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in COLLECTIONS
    ]
    assert [process.wait() for process in running] == [0] * len(COLLECTIONS)
    links = json.loads((tmp_path / "catalog.json").read_text())["links"]
    assert len(links) == len(COLLECTIONS)


def test_collections_are_valid_stac(tmp_path):
    import pystac

    write_collection(tmp_path, SENTINEL2, "scenes", [product(tmp_path)])
    catalog = pystac.Catalog.from_file(str(tmp_path / "catalog.json"))
    [item] = list(catalog.get_items(recursive=True))
    assert item.id == "scene"
    assert item.get_collection().id == SENTINEL2
    assert item.assets["bands"].extra_fields["file:sha256"]


def test_product_that_the_collection_no_longer_lists_is_none(tmp_path):
    write_collection(tmp_path, SENTINEL2, "scenes", [product(tmp_path), product(tmp_path, "old")])
    write_collection(tmp_path, SENTINEL2, "scenes", [product(tmp_path)])
    assert [item.id for item in read_collection(tmp_path, SENTINEL2)] == ["scene"]
    with pytest.raises(ArchiveError, match="no product 'old'"):
        read_product(tmp_path, SENTINEL2, "old")


def test_missing_things_are_named(tmp_path):
    with pytest.raises(ArchiveError, match=r"collection\.json: the file does not exist"):
        read_collection(tmp_path, SENTINEL2)
    write_collection(tmp_path, SENTINEL2, "scenes", [product(tmp_path)])
    scene = read_product(tmp_path, SENTINEL2, "scene")
    with pytest.raises(ArchiveError, match="scene: the product has no asset 'SCL'"):
        scene.asset("SCL")
    scene.asset("bands").path.write_text("others")
    with pytest.raises(ArchiveError, match=r"bands\.tif: the checksum differs"):
        scene.asset("bands").verify()
    scene.asset("bands").path.unlink()
    with pytest.raises(ArchiveError, match=r"bands\.tif: the catalogued file does not exist"):
        scene.asset("bands").verify()


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("collection.json", "{", "not valid JSON"),
        ("collection.json", "{}", "not a STAC collection"),
        ("collection.json", "[]", "not a STAC collection"),
        ("collection.json", '{"links": [{"rel": "item", "href": 3}]}', "not a STAC collection"),
        ("scene/scene.json", "no", "not valid JSON"),
        ("scene/scene.json", '{"type": "Feature"}', "not a valid STAC item"),
        (
            "scene/scene.json",
            '{"type": "Feature", "stac_version": "1.1.0", "id": "a", "geometry": null,'
            ' "bbox": [0, 1, 999, 2], "properties": {"datetime": "2021-01-01T00:00:00Z"},'
            ' "links": [], "assets": {}}',
            "bbox is no place on Earth",
        ),
        ("scene/scene.json", None, "the file does not exist"),
    ],
)
def test_broken_files_are_named_in_one_line(tmp_path, file, text, message):
    write_collection(tmp_path, SENTINEL2, "scenes", [product(tmp_path)])
    path = tmp_path / SENTINEL2 / file
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ArchiveError) as caught:
        read_collection(tmp_path, SENTINEL2)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
