"""Granules gridded as they come and dropped; and kill -9."""

from __future__ import annotations

import random
from datetime import date

import pytest

from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.stage import grid_and_drop_part as grid_and_drop
from mmaq.base.errors import ServiceError
from mmaq.contracts.archive import SENTINEL5P
from mmaq.sentinel5p.stage import grid_part
from mmaq.sentinel5p.sums import read_sums
from tests.acquire.fetch.hub import GRID, YEAR, Hub, official
from tests.acquire.stopped import run_until, run_whole
from tests.servers.faulty import Gate, Held, Status

KILLS, PIECE = 20, 1024


def test_gridded_and_dropped_gives_the_part_that_the_archive_gives(hub, tmp_path):
    grid_part(
        archive=hub.fetch(), config=GRID, start=YEAR[0], end=YEAR[1], out=tmp_path / "want.nc"
    )
    folder = hub.grid(tmp_path / "got.nc")
    assert (tmp_path / "got.nc").read_bytes() == (tmp_path / "want.nc").read_bytes()
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_only_a_few_granules_lie_on_the_disk(hub, tmp_path, monkeypatch, granules):
    from mmaq.acquire import stage as gridding

    held, real = [], gridding.accumulate

    def watched(*arguments):
        held.append(len(list((hub.folder / "few").glob("S5P*.nc"))))
        real(*arguments)

    monkeypatch.setattr(gridding, "accumulate", watched)
    hub.grid(tmp_path / "part.nc", workers=1)
    assert len(held) >= len(granules)
    assert max(held) <= 3


def test_a_period_takes_its_days_alone(hub, tmp_path, server, granules):
    out, few = tmp_path / "part.nc", hub.folder / "few"
    days = date(2021, 1, 3), date(2021, 1, 4)
    grid_and_drop(
        manifest=hub.manifest_path,
        config=hub.config,
        grid=GRID,
        start=days[0],
        end=days[1],
        out=out,
        folder=few,
        workers=1,
    )
    assert {asked.path for asked in server.log} == {f"/{path.name}" for path in granules[2:4]}


def test_a_granule_that_fails_leaves_no_part_and_is_not_the_end_of_the_others(
    hub, server, tmp_path, granules
):
    out = tmp_path / "part.nc"
    server.always[f"/{granules[5].name}"] = Status(503)
    with pytest.raises(ServiceError, match="1 of 10 products failed"):
        hub.grid(out)
    assert not out.exists()
    server.always.clear()
    server.log.clear()
    hub.grid(out)
    assert {asked.path for asked in server.log} == {f"/{granules[5].name}"}
    assert not hub.manifest_path.with_name(f"failed_{SENTINEL5P}_part.json").exists()


@pytest.mark.parametrize("content", [b"<html>Maintenance</html>", None], ids=["page", "cut"])
def test_what_is_no_granule_has_failed_and_is_fetched_again(
    hub, server, granules, tmp_path, content
):
    """As with ``keep: true``: a service that tells no sum may give anything with status 200."""
    out, served = tmp_path / "part.nc", tmp_path / "served" / granules[0].name
    whole = granules[0].read_bytes()
    served.parent.mkdir()
    served.write_bytes(whole[: len(whole) // 2] if content is None else content)
    server.folder = served.parent
    hub.write({served.stem: RemoteFile(href=f"{server.url}/{served.name}")})
    with pytest.raises(ServiceError, match=r"1 of 1 products failed.*not a readable NetCDF file"):
        hub.grid(out)
    assert not out.exists()
    served.write_bytes(whole)
    hub.grid(out)
    assert [granule.name for granule in read_sums(out, GRID).granules] == [served.stem]


@pytest.mark.slow
def test_kill_9_at_twenty_moments_costs_no_complete_byte(server, tmp_path, hub):
    granules = official(tmp_path / "month", range(1, 32))
    once = Hub(server, tmp_path / "once", granules)
    grid_part(
        archive=once.fetch(), config=GRID, start=YEAR[0], end=YEAR[1], out=tmp_path / "want.nc"
    )
    fetched = server.sent()
    again = Hub(server, tmp_path / "again", granules)
    out = again.folder / "part.nc"
    pieces = sum(1 + asked.sent // PIECE for asked in server.log)
    rng, gate, finished = random.Random(3), Gate(), set()
    for path in granules:
        server.always[f"/{path.name}"] = Held(gate, PIECE)
    server.log.clear()
    for kill in range(KILLS + 1):
        before = len(server.log)
        if kill < KILLS:  # all together let fewer pieces pass than there are
            gate.let(rng.randint(1, pieces // KILLS))
            run_until(gate.is_shut, rng.uniform(0.0, 0.1), lambda: again.grid(out))
        else:
            gate.let(10**9)
            run_whole(lambda: again.grid(out))
        assert not finished & {asked.path for asked in server.log[before:]}
        whole_files = (*again.folder.rglob("S5P*.nc"), *again.folder.rglob("*.download"))
        finished |= {f"/{path.stem}.nc" for path in whole_files}
    assert out.read_bytes() == (tmp_path / "want.nc").read_bytes()
    # What each kill loses was on its way over two connections, in pieces of up to 256 KiB.
    assert server.sent() <= fetched + KILLS * 2 * max(path.stat().st_size for path in granules)
