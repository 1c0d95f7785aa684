"""kill -9 at twenty random moments of one acquisition: the same archive, and no byte twice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.acquire.held import asked_again, held
from tests.acquire.verb import Verb
from tests.servers.country import serve
from tests.servers.faulty import Slow

pytestmark = pytest.mark.slow

KILLS = 20
LONGEST = 1.6
"""Seconds after a run's first request within which it is killed: the search takes about one."""
PERIOD = ("2021-05-01", "2021-08-31")


class Everywhere(dict):
    """A fault that every path meets, at all times."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def get(self, path, default=None):
        return self.fault


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
        done = whole.run()
        assert done.returncode == 0, done.stderr[-3000:]
        servers = (country.space.server, country.ground)
        once = sum(server.sent() for server in servers)
        for server in servers:
            server.always = Everywhere(Slow(0.4))
        killed = Verb(tmp_path / "killed", settings)
        complete, stages = {}, []
        for moment in rng.uniform(0.0, LONGEST, KILLS):
            seen = {id(server): len(server.log) for server in country.servers}

            def begun(seen=seen):
                return any(len(server.log) > seen[id(server)] for server in country.servers)

            assert killed.kill_after(moment, begun), "it ended before it could be killed"
            for server in servers:
                again = asked_again(complete, server.log[seen[id(server)] :])
                assert again == []
            for path, spans in held(killed.data).items():
                complete.setdefault(path, set()).update(spans)
            stages.append(sum(stop - start for found in complete.values() for start, stop in found))
        for server in servers:
            server.always = {}
        seen = {id(server): len(server.log) for server in country.servers}
        done = killed.run()
        assert done.returncode == 0, done.stderr[-3000:]
        for server in servers:
            assert asked_again(complete, server.log[seen[id(server)] :]) == []
        sent = sum(server.sent() for server in servers) - once
        print(stages, once, sent)
    assert killed.files() == whole.files()
    assert len(set(stages)) > KILLS / 2, "the kills did not fall into the fetching"
