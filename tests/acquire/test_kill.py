"""kill -9 at twenty random moments of one acquisition: the same archive, and no byte twice."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.base.files import temporary_of
from mmaq.contracts.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from tests.acquire.held import asked_again, held
from tests.acquire.verb import Verb
from tests.servers.country import serve
from tests.servers.faulty import Slow

pytestmark = pytest.mark.slow

IN_SEARCH, IN_FETCH = 3, 17
"""Twenty kills: at random requests of the search, and at random bytes of the content."""
PERIOD = ("2021-05-01", "2021-08-31")
CONTENT = {
    "/airquality-p": STATIONS, "/copernicus-dem/": ANCILLARY, "/worldcover/": ANCILLARY,
    "/ghsl/": ANCILLARY, "/geofabrik/": ANCILLARY, "/cogs/": SENTINEL2, "/download/": SENTINEL5P,
}  # fmt: skip


def collection_of(path):
    """The collection that a path's bytes are content of; None for what the search asks."""
    found = [name for begin, name in CONTENT.items() if path.startswith(begin)]
    return found[0] if found and not path.endswith(".md5") else None


class SlowContent(dict):
    """A pause before every 16 KiB of content, so that a kill meets all stages of a file."""

    def get(self, path, default=None):
        return Slow(0.04, every=16384) if collection_of(path) else default


class Killed:
    """One acquisition that is killed again and again; what was complete at each stop."""

    def __init__(self, verb, country):
        self.verb, self.all, self.content = verb, country.servers, country.servers[1:]
        self.complete: dict[str, set[tuple[int, int]]] = {}
        self.stops: list[str] = []

    def kill(self, requests, size, later):
        """Run until so many requests and bytes of content came, and ``later`` seconds more."""
        before, sent = self._requests(), self.sent()

        def ready():
            return self._requests() - before >= requests and self.sent() - sent >= size

        self._judged(lambda: self.verb.kill_when(ready, later, "--workers", "2"))
        for path, spans in held(self.verb.data).items():
            self.complete.setdefault(path, set()).update(spans)
        self.stops.append(self.stage())

    def stage(self):
        """The collection whose content was asked for last; they come one after the other."""
        last = [collection_of(each.path) for server in self.content for each in server.log[-1:]]
        order = ["search", *dict.fromkeys(CONTENT.values())]
        return max((name or "search" for name in last), key=order.index, default="search")

    def leave_over(self):
        """What a kill inside a write leaves behind, in moments too short to be met by chance."""
        archive = self.verb.data / "archive"
        for name in set(CONTENT.values()):
            (archive / name).mkdir(exist_ok=True)
            for folder in (archive / name, *(archive / name).glob("*/")):
                self.leave_half(folder / "file.tif")
        self.leave_half(archive / "catalog.json")
        for path in (archive / STATIONS).rglob("*.parquet"):
            path.with_name(f"{path.name}.part.of").write_text("a tag")

    def leave_half(self, path):
        temporary_of(path, process=self.verb.killed).write_bytes(b"half")

    def finish(self):
        def whole():
            done = self.verb.run()
            assert done.returncode == 0, done.stderr[-3000:]
            return True

        self._judged(whole)

    def _judged(self, run):
        """A run asks for nothing that was complete before it."""
        seen = [len(server.log) for server in self.content]
        assert run(), "it ended before it could be killed"
        for server, number in zip(self.content, seen, strict=True):
            assert asked_again(self.complete, server.log[number:]) == []

    def _requests(self):
        return sum(len(server.log) for server in self.all)

    def sent(self):
        return sum(
            asked.sent for server in self.content for asked in server.log
            if collection_of(asked.path)
        )  # fmt: skip


def test_twenty_kills_give_the_same_archive_and_fetch_nothing_twice(land, tmp_path):
    """What is asked for again is judged by what lay complete on disk when a run was killed.

    No later run may ask for such a byte: none of a whole file, none of a part's, none of a block
    that is marked. Bytes that were under way (at most 64 KiB of each connection) may come again;
    so may the answers to searches and tokens, which are no content.
    """
    rng = np.random.default_rng(5)
    with serve(land, tmp_path / "servers") as country:
        settings = country.configuration("mine", *PERIOD, unlabelled_table=str(land.unlabelled))
        whole = Verb(tmp_path / "whole", settings)
        run = Killed(Verb(tmp_path / "killed", settings), country)
        done = whole.run()
        assert done.returncode == 0, done.stderr[-3000:]
        once = run.sent()
        for server in run.content:
            server.log.clear()
            server.always = SlowContent()
        for requests in rng.integers(1, 12, IN_SEARCH):
            run.kill(requests, 0, rng.uniform(0.0, 0.02))
        shares = rng.uniform(0.0, 0.1, IN_FETCH)
        shares[:2] /= 5  # the stations are a small part of the bytes, and come first
        for share in shares:
            run.kill(1, share * once, rng.uniform(0.0, 0.03))
        for server in run.content:
            server.always = {}
        run.leave_over()
        run.finish()
        assert run.sent() >= once
    assert run.verb.files() == whole.files()
    assert len(run.stops) == 20
    assert set(run.stops) >= {"search", STATIONS, SENTINEL2, SENTINEL5P}
