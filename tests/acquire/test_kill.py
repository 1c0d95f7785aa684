"""kill -9 at twenty random moments of one acquisition: the same archive, and no byte twice."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS
from tests.acquire.held import asked_again, held, size_of
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


class SlowContent(dict):
    """A pause before every 16 KiB of content, so that a kill meets all stages of a file."""

    def get(self, path, default=None):
        return Slow(0.04, every=16384) if path.startswith(tuple(CONTENT)) else default


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
        asked = {begin for server in self.content for each in server.log[-1:] for begin in CONTENT
                 if each.path.startswith(begin)}  # fmt: skip
        order = list(CONTENT)
        return CONTENT[max(asked, key=order.index)] if asked else "search"

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
            if asked.path.startswith(tuple(CONTENT))
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
        for share in rng.uniform(0.0, 0.1, IN_FETCH):
            run.kill(1, share * once, rng.uniform(0.0, 0.03))
        for server in run.content:
            server.always = {}
        run.finish()
        assert run.sent() >= once
    assert run.verb.files() == whole.files()
    assert len(run.stops) == 20
    assert set(run.stops) == {"search", *CONTENT.values()}
