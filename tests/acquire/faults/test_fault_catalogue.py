"""Catalogues whose answers are not what they should be, and files that moved since the search."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from mmaq.acquire.manifest import read_manifest
from mmaq.contracts.archive import SENTINEL2
from tests.acquire.faults.conftest import one_error
from tests.servers.country import NO2
from tests.servers.faulty import Answer

pytestmark = pytest.mark.slow


def answering(server, monkeypatch, path, change):
    """Change the JSON that a server answers with at a path."""
    answer = server.answer

    def changed(asked):
        found = answer(asked)
        if asked.path != path:
            return found
        value = json.loads(found.body)
        change(value, asked)
        return Answer.json(value)

    monkeypatch.setattr(server, "answer", changed)


def test_a_page_that_repeats(faultless, verb, monkeypatch, capfd):
    country = faultless.country

    def repeat_stac(page, asked):
        if page["features"]:
            link = {"rel": "next", "method": "POST", "href": f"{country.stac.url}/search"}
            page["links"] = [link | {"body": json.loads(asked.body)}]

    def repeat_odata(page, asked):
        following = f"{country.endpoints['cdse-catalogue']}/Products"
        page["@odata.nextLink"] = f"{following}?{urlencode(asked.query, doseq=True)}"

    for server, path, change in (
        (country.stac.server, "/search", repeat_stac),
        (country.space.server, "/catalogue/odata/v1/Products", repeat_odata),
    ):
        with monkeypatch.context() as patch:
            answering(server, patch, path, change)
            assert verb.call(patch) == 1
        assert "page 2 of the list repeats an earlier one" in one_error(capfd)
        assert not (verb.data / "archive").exists()


def test_items_without_a_geometry(faultless, verb, monkeypatch, capfd):
    """By its box a scene is found; a granule that lacks both is known to the other catalogue."""

    def bare(page, asked):
        for item in page["features"]:
            item.pop("geometry")
            if item["collection"].startswith(NO2):
                item.pop("bbox")

    with monkeypatch.context() as patch:
        answering(faultless.country.stac.server, patch, "/search", bare)
        assert verb.call(patch) == 0
    assert verb.files() == faultless.files
    assert "has neither a geometry nor a bbox" in capfd.readouterr().err


def test_a_scene_with_neither_geometry_nor_box_is_named(faultless, verb, monkeypatch, capfd):
    lost = faultless.paths[SENTINEL2].split("/")[2]

    def bare(page, asked):
        for item in page["features"]:
            if item["id"] == lost:
                del item["geometry"], item["bbox"]

    with monkeypatch.context() as patch:
        answering(faultless.country.stac.server, patch, "/search", bare)
        assert verb.call(patch) == 0
    assert f"the item has neither a geometry nor a bbox (first {lost})" in capfd.readouterr().err
    left_out = read_manifest(verb.data / "manifest" / f"{SENTINEL2}.json").left_out
    assert [product.id for product in left_out] == [lost]


def test_an_asset_that_moved(faultless, verb, land, monkeypatch, capfd):
    country, old = faultless.country, faultless.paths[SENTINEL2]
    new = old.replace("/cogs/", "/elsewhere/")
    scene = old.split("/")[2]
    assert verb.call(monkeypatch, "plan") == 0
    there, content = country.ground.answer, (land.served / old[1:]).read_bytes()
    gone = land.served / "gone.tif"
    gone.write_bytes(content)

    def moved(asked):
        if asked.path == new:
            return Answer(file=gone)
        return Answer(404) if asked.path == old else there(asked)

    monkeypatch.setattr(country.ground, "answer", moved)
    assert verb.call(monkeypatch) == 1
    assert f"the first {scene}: " in one_error(capfd)

    def renamed(item, asked):
        for asset in item["assets"].values():
            asset["href"] = asset["href"].replace(old, new)

    item = f"/collections/sentinel-2-c1-l2a/items/{scene}"
    answering(country.stac.server, monkeypatch, item, renamed)
    assert verb.call(monkeypatch) == 0
    assert "moved from" in capfd.readouterr().err
    assert verb.files() == faultless.files
    gone.unlink()
