"""Each fault of a mirror ends in the right data or in a failure that names the scene."""

from __future__ import annotations

import json
import logging

import pytest

from mmaq.base.errors import ServiceError
from mmaq.contracts.archive import SENTINEL2, read_collection
from tests.acquire.fetch.conftest import tree
from tests.servers.faulty import Answer, Cut, NoRanges, Reset, Slow, Status

BAND, CLASSES = "/S2A_ONE/B04.tif", "/S2A_TWO/SCL.tif"


def test_faults_that_pass_leave_no_trace(mirror, tmp_path, full, server):
    whole = tree(mirror.fetch())
    again = type(mirror)(full, server, tmp_path / "again")
    faults = [Status(429, {"Retry-After": "2"}), Reset(), Reset(1000), Cut(500), NoRanges()]
    server.script(BAND, *faults)
    server.script(CLASSES, *[Status(503)] * 4, Slow(0.01, 8192))
    assert tree(again.fetch()) == whole
    assert not server.pending(BAND) + server.pending(CLASSES)


def failures(mirror):
    return json.loads(mirror.manifest_path.with_name(f"failed_{SENTINEL2}.json").read_text())


@pytest.mark.parametrize("path", [BAND, CLASSES])
def test_a_fault_that_stays_is_named_and_the_next_run_goes_on(mirror, path, caplog):
    scene = path.split("/")[1]
    mirror.server.always[path] = Status(503)
    with pytest.raises(ServiceError) as caught:
        mirror.fetch()
    message = str(caught.value)
    assert message.startswith(f"{SENTINEL2}: 1 of 3 products failed, the first {scene}: ")
    assert "answers 503 Service Unavailable, 6 times" in message
    assert message.endswith("Run the same command again: it goes on from what is complete.")
    assert [failed["id"] for failed in failures(mirror)["failed"]] == [scene]
    assert f"{scene} failed: " in caplog.text
    assert not (mirror.archive / SENTINEL2 / "collection.json").exists()
    mirror.server.always.clear()
    others = {asked for asked in mirror.asked() if asked != path[1:]}
    mirror.server.log.clear()
    mirror.fetch()
    again = set(mirror.asked()) & others
    assert not [asked for asked in again if not asked.startswith(scene)]
    assert not mirror.manifest_path.with_name(f"failed_{SENTINEL2}.json").exists()
    assert len(read_collection(mirror.archive, SENTINEL2)) == 3


def test_as_many_failures_as_are_tolerated_leave_an_archive_without_them(mirror):
    mirror.server.always[BAND] = Status(503)
    mirror.config = mirror.config.model_copy(update={"missing": 0.34})
    mirror.fetch()
    names = {product.id for product in read_collection(mirror.archive, SENTINEL2)}
    assert names == {"S2A_TWO", "S2A_SIX"}
    assert [failed["id"] for failed in failures(mirror)["failed"]] == ["S2A_ONE"]


def test_an_asset_that_is_gone_with_its_item_is_a_named_failure(mirror):
    mirror.server.always[BAND] = Status(404)
    with pytest.raises(ServiceError, match="S2A_ONE was taken out of the catalogue, with its file"):
        mirror.fetch()


def test_no_more_connections_than_the_service_bears(mirror, monkeypatch):
    from dataclasses import replace

    from mmaq.acquire.fetch import remote

    real = remote.service
    monkeypatch.setattr(
        remote, "service", lambda name, ends: replace(real(name, ends), connections=2)
    )
    for path in ("B02", "B03", "B04", "B08", "B05"):
        mirror.server.always[f"/S2A_ONE/{path}.tif"] = Slow(0.02, 16384)
    mirror.fetch(workers=16)
    assert mirror.server.open_at_once == 2


def test_the_planetary_computer_s_addresses_are_signed_and_the_signature_stays_nowhere(
    mirror, tmp_path, caplog
):
    secret = "sig=verysecret"
    tokens = []

    def answer(asked):
        if asked.path == "/sas/v1/token/sentinel-2-l2a":
            tokens.append(asked)
            ends = "2000-01-01T00:00:00Z" if len(tokens) == 1 else "2999-01-01T00:00:00Z"
            return Answer.json({"token": f"{secret}{len(tokens)}", "msft:expiry": ends})
        signed = asked.query.get("sig", [""])[0] in ("verysecret1", "verysecret2")
        return None if signed else Answer(403)

    mirror.server.answer = answer
    mirror.config = mirror.config.model_copy(
        update={"endpoints": {"planetary-computer": mirror.server.url}}
    )
    mirror.change(service="planetary-computer")
    with caplog.at_level(logging.DEBUG):
        mirror.fetch()
    assert len(tokens) == 2  # the first had ended, the second lasts
    held = tree(tmp_path)
    assert not [name for name, content in held.items() if b"verysecret" in content]
    assert "verysecret" not in "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("mmaq")
    )


def test_a_token_service_that_gives_none_is_named(mirror):
    mirror.server.answer = lambda asked: Answer.json({}) if "token" in asked.path else None
    mirror.config = mirror.config.model_copy(
        update={"endpoints": {"planetary-computer": mirror.server.url}}
    )
    mirror.change(service="planetary-computer")
    with pytest.raises(ServiceError, match=r"sas/v1/token/sentinel-2-l2a is no token with its end"):
        mirror.fetch()
