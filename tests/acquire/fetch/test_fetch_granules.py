"""Granules: downloaded, verified, catalogued one by one."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from datetime import datetime, timezone

import pytest

from mmaq.acquire.services.download import RemoteFile
from mmaq.base.errors import ServiceError
from mmaq.config.acquire import Acquire
from mmaq.contracts.archive import SENTINEL5P, read_collection
from tests.acquire.fetch.conftest import tree
from tests.acquire.fetch.hub import Hub
from tests.servers.data_space import PASSWORD, USER, Entry, data_space
from tests.servers.faulty import Answer


def test_granules_arrive_whole_with_their_items(hub, granules):
    products = read_collection(hub.fetch(), SENTINEL5P)
    assert [product.id for product in products] == [path.stem for path in granules]
    for product, path in zip(products, granules, strict=True):
        asset = product.asset("product")
        asset.verify()
        assert asset.path.read_bytes() == path.read_bytes()
        assert asset.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert product.properties["processor_version"] == "2.4.0"
        assert product.properties["s5p:stream"] == "OFFL"
        assert product.time == datetime(2021, 1, int(path.stem[26:28]), 11, tzinfo=timezone.utc)
    assert not (hub.folder / "acquire_cache" / SENTINEL5P).exists()


def test_a_second_run_asks_for_nothing_and_changes_no_byte(hub, server):
    before = tree(hub.fetch())
    server.log.clear()
    (hub.archive / SENTINEL5P / "S5P_OF_ANOTHER_MANIFEST").mkdir()
    assert tree(hub.fetch()) == before
    assert server.log == []
    assert not (hub.archive / SENTINEL5P / "S5P_OF_ANOTHER_MANIFEST").exists()


def test_a_file_that_is_no_granule_is_named_and_fetched_again(hub, server, granules, tmp_path):
    bad = tmp_path / "served" / granules[0].name
    bad.parent.mkdir()
    bad.write_bytes(b"<html>Service maintenance</html>")
    hub.server.folder = bad.parent
    remote = RemoteFile(href=f"{server.url}/{bad.name}")
    hub.write({bad.stem: remote})
    with pytest.raises(ServiceError, match="not a readable NetCDF file"):
        hub.fetch()
    bad.write_bytes(granules[0].read_bytes())
    hub.fetch()
    assert len(read_collection(hub.archive, SENTINEL5P)) == 1


def test_a_zipped_granule_is_unpacked(hub, server, granules, tmp_path):
    zipped = tmp_path / "served" / "any.zip"
    zipped.parent.mkdir()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(granules[0], f"{granules[0].stem}/{granules[0].name}")
        archive.writestr(f"{granules[0].stem}/about.cdl", "text")
    server.folder = zipped.parent
    hub.write({granules[0].stem: hub.remote(zipped)})
    asset = read_collection(hub.fetch(), SENTINEL5P)[0].asset("product")
    asset.verify()
    assert asset.path.read_bytes() == granules[0].read_bytes()


def test_a_zip_without_a_granule_is_a_named_failure(hub, server, tmp_path, granules):
    zipped = tmp_path / "served" / "any.zip"
    zipped.parent.mkdir()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("../../climbs.nc", "text")
    server.folder = zipped.parent
    hub.write({granules[0].stem: hub.remote(zipped)})
    with pytest.raises(ServiceError, match=r"'../../climbs.nc' lies outside the folder"):
        hub.fetch()
    assert not (hub.folder / "climbs.nc").exists()


def test_granules_of_the_data_space_come_with_tokens_that_end_on_the_way(
    tmp_path, granules, monkeypatch, caplog
):
    monkeypatch.setenv("CDSE_USERNAME", USER)
    monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    entries = [
        Entry(path.name, path, "SENTINEL-5P", "L2__NO2___", "2021-01-01T11:00:00.000Z",
              "2021-01-01T12:40:00.000Z", "POLYGON((4 50,6 50,6 51,4 50))")
        for path in granules
    ]  # fmt: skip
    with data_space(entries, tmp_path) as space, caplog.at_level(logging.DEBUG):
        hub = Hub(space.server, tmp_path / "data", granules)
        hub.config = Acquire(endpoints=space.endpoints)
        base = space.endpoints["cdse"]
        files = {
            path.stem: hub.remote(path).model_copy(
                update={"href": f"{base}/Products({entry.id})/$value"}
            )
            for path, entry in zip(granules, entries, strict=True)
        }
        hub.write(files, "cdse")
        real, fetched = space._download, []

        def download(asked, identity):
            fetched.append(identity)
            if len(fetched) == 5:
                space.end_tokens()
            return real(asked, identity)

        space._download = download
        products = read_collection(hub.fetch(workers=16), SENTINEL5P)
        assert space.server.open_at_once <= 4
        secrets = [secret.encode() for secret in space.secrets]
    assert len(products) == len(granules)
    assert len(secrets) > 3
    held = tree(tmp_path) | {"log": caplog.text.encode()}
    assert not [name for name, content in held.items() for secret in secrets if secret in content]


def test_granules_of_the_planetary_computer_are_signed(hub, server, granules, tmp_path):
    def answer(asked):
        if asked.path == "/sas/v1/token/sentinel-5p-l2-netcdf":
            return Answer.json({"token": "sig=verysecret", "msft:expiry": "2999-01-01T00:00:00Z"})
        return None if asked.query.get("sig") == ["verysecret"] else Answer(403)

    server.answer = answer
    hub.write({path.stem: hub.remote(path) for path in granules}, "planetary-computer")
    assert len(read_collection(hub.fetch(), SENTINEL5P)) == len(granules)
    assert not [name for name, content in tree(tmp_path).items() if b"verysecret" in content]
