"""What comes late, broken, wrong or not at all: the right archive or a named failure."""

from __future__ import annotations

import errno
import io
import json
import re

import numpy as np
import pytest

from mmaq.acquire.services import download
from mmaq.acquire.services.client import Client
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from tests.acquire.faults.conftest import CONTENT, SEARCHES, one_error
from tests.servers.faulty import Cut, Reset, Slow, Stall, Status, Wrong

pytestmark = pytest.mark.slow

PASSING = {
    "refused, then broken and slow": [
        Status(429), Status(429, {"Retry-After": "3"}), Reset(20), Slow(0.05, 16384),
    ],
    "failing, then broken": [*[Status(503)] * 3, Reset(), Cut(15)],
}  # fmt: skip
"""What breaks comes when no byte is there yet; ``Cut`` truncates an answer of the right length."""


@pytest.mark.parametrize("faults", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_passes_leaves_the_same_archive(faultless, verb, faults, monkeypatch):
    faultless.script(*faults)
    assert verb.call(monkeypatch) == 0
    assert not faultless.scripted, "a fault was not met"
    assert verb.files() == faultless.files


def test_a_server_that_falls_silent_is_given_up_and_asked_again(faultless, verb, monkeypatch):
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "patience", 1.0)
    for name in (*CONTENT, "eea"):
        faultless.script(Stall(10, 1.5), only=name)
    assert verb.call(monkeypatch) == 0
    assert not faultless.scripted
    assert verb.files() == faultless.files


STAYING = {
    STATIONS: (Status(503), "answers 503 Service Unavailable, 6 times"),
    ANCILLARY: (Cut(1000), "the answer ended before its stated length, 6 times"),
    SENTINEL2: (Reset(1000), "the connection broke, 6 times"),
    SENTINEL5P: (Cut(1000), "the answer ended before its stated length, 6 times"),
}


@pytest.mark.parametrize("collection", STAYING)
def test_a_fault_that_stays_is_named_and_the_next_run_is_whole(
    faultless, verb, collection, monkeypatch, capfd
):
    path = faultless.paths[collection]
    fault, told = STAYING[collection]
    faultless.server(path).always[path] = fault
    assert verb.call(monkeypatch) == 1
    line = one_error(capfd)
    assert f"error: {collection}: 1 of " in line
    assert told in line
    listed = json.loads((verb.data / "manifest" / f"failed_{collection}.json").read_text())
    assert len(listed["failed"]) == 1
    assert not (verb.data / "archive" / collection / "collection.json").exists()
    faultless.server(path).always.clear()
    assert verb.call(monkeypatch) == 0
    assert verb.files() == faultless.files


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_that_fails_is_named_and_begins_no_archive(
    faultless, verb, name, monkeypatch, capfd
):
    path = faultless.paths[name]
    faultless.server(path).always[path] = Status(503)
    assert verb.call(monkeypatch) == 1
    assert f"{path}: answers 503 Service Unavailable, 6 times" in one_error(capfd)
    held = verb.data / "archive"
    assert not (held / SENTINEL5P if name == "token" else held).exists()


def test_a_granule_of_another_checksum(faultless, verb, monkeypatch, capfd):
    path = faultless.paths[SENTINEL5P]
    faultless.server(path).script(path, Wrong(5000))
    assert verb.call(monkeypatch) == 0
    assert verb.files() == faultless.files
    (verb.data / "archive" / SENTINEL5P / "collection.json").unlink()
    for found in (verb.data / "archive" / SENTINEL5P).glob("*/*"):
        found.unlink()
    faultless.server(path).always[path] = Wrong(5000)
    assert verb.call(monkeypatch) == 1
    told = one_error(capfd)
    assert "1 of 4 products failed" in told
    assert re.search(r"its MD5 is [0-9a-f]{32} instead of", told), told


def test_a_token_that_ends_while_granules_come(faultless, verb, monkeypatch):
    space, ended = faultless.country.space, []
    answer = space.server.answer

    def ending(asked):
        if asked.path.startswith("/download") and not ended:
            ended.append(asked.path)
            space.end_tokens()
        return answer(asked)

    monkeypatch.setattr(space.server, "answer", ending)
    assert verb.call(monkeypatch) == 0
    assert len(ended) == 1
    assert verb.files() == faultless.files


def test_a_full_disk(faultless, verb, monkeypatch, capfd):
    """Of the windows of scenes, then of a granule's part: each ends it at once."""
    real, room = np.savez, [5]

    def savez(path, **arrays):
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, **arrays)

    class Full(download._Part):
        def append(self, block):
            if self.size > 300_000:
                self._stream.close()
                self._stream = io.FileIO("/dev/full", "wb")
            super().append(block)

    for where, name, broken in ((np, "savez", savez), (download, "_Part", Full)):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, broken)
            assert verb.call(patch) == 1
        assert "the disk is full" in one_error(capfd)
    assert verb.call(monkeypatch) == 0
    assert verb.files() == faultless.files
