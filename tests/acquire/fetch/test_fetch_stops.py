"""kill -9 at any moment and a restart: the same archive, and nothing fetched twice."""

from __future__ import annotations

import os
import random

import pytest

from mmaq.acquire.fetch.products import has_item
from mmaq.acquire.fetch.scenes import Windows
from mmaq.base.files import temporary_of
from mmaq.contracts.archive import SENTINEL2, read_collection
from tests.acquire.fetch.conftest import tree
from tests.acquire.stopped import run_until, run_whole
from tests.servers.faulty import Gate, Held

KILLS, PIECE = 20, 4096


def complete(mirror):
    """Bands whose windows are on disk, and scenes whose item is written."""
    cache = mirror.folder / "acquire_cache" / SENTINEL2
    bands = {f"{path.parent.name}/{path.stem}.tif" for path in cache.glob("*/[!.]*.npz")}
    items = {
        product.id
        for product in mirror.manifest.products
        if has_item(mirror.archive, SENTINEL2, product.id)
    }
    return bands, items


@pytest.mark.slow
def test_kill_9_at_twenty_moments_costs_no_complete_band(mirror, tmp_path):
    whole = tree(mirror.fetch())
    mirror.folder, mirror.archive = tmp_path / "again", tmp_path / "again" / "archive"
    for name in ("manifest_path", "sites_csv"):
        setattr(mirror, name, mirror.folder / "manifest" / getattr(mirror, name).name)
    mirror.write()
    pieces = sum(1 + asked.sent // PIECE for asked in mirror.server.log)
    rng, gate = random.Random(7), Gate()
    for path in {asked.path for asked in mirror.server.log}:
        mirror.server.always[path] = Held(gate, PIECE)
    bands, items = set(), set()
    for kill in range(KILLS + 1):
        mirror.server.log.clear()
        if kill < KILLS:  # all together let fewer pieces pass than there are
            gate.let(rng.randint(1, pieces // KILLS))
            run_until(gate.is_shut, rng.uniform(0.0, 0.1), mirror.fetch)
        else:
            gate.let(10**9)
            run_whole(mirror.fetch)
        asked = set(mirror.asked())
        assert not bands & asked, "a band whose windows were on disk was asked for again"
        assert not items & {path.split("/")[0] for path in asked}, "a scene that was complete"
        found, complete_items = complete(mirror)
        bands, items = bands | found, items | complete_items
        assert kill < KILLS or tree(mirror.archive) == whole


@pytest.mark.parametrize("harm", [b"", b"PK\3\4 half"])
def test_windows_that_are_damaged_on_disk_are_read_again(mirror, monkeypatch, harm):
    with monkeypatch.context() as patch:
        patch.setattr(Windows, "_clearest", lambda *_: {})
        mirror.fetch()
    mirror.manifest_path.with_name(f"choice_{SENTINEL2}.json").unlink()
    path = mirror.folder / "acquire_cache" / SENTINEL2 / "S2A_TWO" / "SCL.npz"
    path.parent.mkdir(parents=True)
    path.write_bytes(harm)
    assert len(read_collection(mirror.fetch(), SENTINEL2)) == 3


def test_a_stop_between_two_items_goes_on_with_the_second(mirror, monkeypatch, tmp_path):
    from mmaq.acquire.fetch import scenes as sentinel2

    whole = sentinel2.write_scene

    def stops(archive, scene, chosen, bands):
        if scene.id == "S2A_SIX":
            raise KeyboardInterrupt
        whole(archive, scene, chosen, bands)

    monkeypatch.setattr(sentinel2, "write_scene", stops)
    with pytest.raises(KeyboardInterrupt):
        mirror.fetch()
    written = [name for name in ("S2A_ONE", "S2A_TWO", "S2A_SIX")
               if has_item(mirror.archive, SENTINEL2, name)]  # fmt: skip
    assert "S2A_SIX" not in written
    assert not (mirror.archive / SENTINEL2 / "collection.json").exists()
    monkeypatch.undo()
    mirror.server.log.clear()
    mirror.fetch()
    assert not {path.split("/")[0] for path in mirror.asked()} & set(written)


def test_what_killed_processes_left_is_removed_and_what_live_ones_write_stays(mirror):
    dead = os.fork()
    if dead == 0:
        os._exit(0)
    os.waitpid(dead, 0)
    archive = mirror.archive
    left = [
        temporary_of(archive / "catalog.json", process=dead),
        temporary_of(archive / SENTINEL2 / "collection.json", process=dead),
        temporary_of(archive / SENTINEL2 / "S2A_ONE" / "SCL.tif", process=dead),
    ]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    alive = [
        temporary_of(archive / "catalog.json", process=1),
        temporary_of(archive / SENTINEL2 / "collection.json", "node-17", dead),
    ]
    for path in alive:
        path.write_bytes(b"of a process that runs, or of another host")
    mirror.fetch()
    assert not [path for path in left if path.exists()]
    assert all(path.exists() for path in alive)
