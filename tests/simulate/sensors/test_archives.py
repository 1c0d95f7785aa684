"""Both collections: bytes, independence from workers, what the catalogue says."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from mmaq.base.errors import ConfigError
from mmaq.config.data import Period, Simulate
from mmaq.contracts.archive import SENTINEL2, SENTINEL5P, read_collection
from mmaq.simulate.sensors.sentinel2 import write_sentinel2
from mmaq.simulate.sensors.sentinel5p import write_sentinel5p


def contents(root):
    return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_bytes_do_not_depend_on_run_or_workers(archives):
    one, two = (contents(root) for root in archives)
    assert one == two
    assert any(path.suffix == ".tif" for path in one)
    assert any(path.suffix == ".nc" for path in one)


def test_another_seed_gives_other_pixels(archives, world, tmp_path):
    days = Period(start=date(2021, 3, 20), end=date(2021, 3, 20))
    write_sentinel5p(world, Simulate(seed=4, extent_km=60), days, tmp_path, 1)
    (product,) = read_collection(tmp_path, SENTINEL5P)
    same = next(p for p in read_collection(archives[0], SENTINEL5P) if p.id == product.id)
    assert same.asset("product").path.read_bytes() != product.asset("product").path.read_bytes()


def test_catalogue_lists_what_was_written(archives):
    scenes = read_collection(archives[0], SENTINEL2)
    tiles = [p.properties["s2:mgrs_tile"] for p in scenes]
    assert set(tiles) == {"32UMD", "32UME", "32UND", "32UNE"}
    assert all(tiles.count(tile) == 3 for tile in tiles)
    for product in scenes:
        assert product.properties["boa_offset"] == -1000
        assert product.properties["proj:epsg"] == 32632
        assert sorted(product.assets) == ["R10m", "R20m", "R60m", "SCL"]
    granules = read_collection(archives[0], SENTINEL5P)
    assert [p.time.date() for p in granules] == [
        date(2021, 3, 20) + timedelta(days=5 * n) for n in range(4)
    ]
    for product in (*scenes, *granules):
        for asset in product.assets.values():
            asset.verify()


def test_a_second_run_leaves_nothing_of_the_first(world, tmp_path):
    day = Period(start=date(2021, 3, 20), end=date(2021, 3, 20))
    old = tmp_path / SENTINEL5P / "old" / "old.nc"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    write_sentinel5p(world, Simulate(extent_km=60), day, tmp_path, 1)
    assert not old.exists()


def test_too_short_a_period_is_refused(world, tmp_path):
    days = Period(start=date(2021, 6, 1), end=date(2021, 6, 9))
    with pytest.raises(ConfigError, match=r"holds [12] Sentinel-2 passes, simulate.scene_dates is"):
        write_sentinel2(world, Simulate(extent_km=60), days, tmp_path, 1)
    assert not (tmp_path / SENTINEL2 / "collection.json").exists()
