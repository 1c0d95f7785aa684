"""Broken granules are left out and told; readers side by side change nothing."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import xarray as xr

from mmaq.base.errors import ProductError
from mmaq.sentinel5p.by_hand import grid_files
from mmaq.sentinel5p.level3 import read_level3
from tests.sentinel5p.archives import make_granules, same
from tests.sentinel5p.granules import COLUMN, swath, write_granule


def break_one(paths):
    paths[1].write_bytes(paths[1].read_bytes()[:5000])
    return paths[:1] + paths[2:]


def test_a_broken_granule_is_left_out_and_the_rest_goes_on(tmp_path, config, caplog):
    paths = make_granules(tmp_path / "l2")
    intact = break_one(paths)
    with caplog.at_level(logging.INFO):
        grid_files(paths, config, tmp_path / "l3.nc")
    assert f"refused: {paths[1]}: not a readable NetCDF file" in caplog.text
    assert "3 granules read, 1 refused" in caplog.records[-1].message
    grid_files(intact, config, tmp_path / "rest.nc")
    found, expected = read_level3(tmp_path / "l3.nc"), read_level3(tmp_path / "rest.nc")
    np.testing.assert_array_equal(found.mean, expected.mean)
    with xr.open_dataset(tmp_path / "l3.nc") as l3:
        assert l3.attrs["granules"] == 3
        assert l3.attrs["granules_refused"].startswith(f"{paths[1].name}: not a readable")


def test_the_same_granule_twice_counts_once(tmp_path, config, caplog):
    paths = make_granules(tmp_path / "l2", days=(1, 2))
    copy = tmp_path / "copy.nc"
    copy.write_bytes(paths[0].read_bytes())
    grid_files([*paths, copy], config, tmp_path / "l3.nc")
    assert "the granule is given twice" in caplog.text
    grid_files(paths, config, tmp_path / "two.nc")
    a, b = read_level3(tmp_path / "l3.nc"), read_level3(tmp_path / "two.nc")
    np.testing.assert_array_equal(a.count, b.count)


def test_pieces_of_one_granule_are_all_counted(tmp_path, config, caplog):
    lon, lat = swath()
    value = np.random.default_rng(3).uniform(1e-5, 2e-4, lon.shape[:2])
    halves = {"north": np.s_[6:], "south": np.s_[:6], "all": np.s_[:]}
    paths = {
        name: write_granule(tmp_path / f"{name}.nc", value[part], lon[part], lat[part])
        for name, part in halves.items()
    }
    grid_files([paths["north"], paths["south"]], config, tmp_path / "pieces_l3.nc")
    grid_files([paths["all"]], config, tmp_path / "all_l3.nc")
    same(read_level3(tmp_path / "pieces_l3.nc"), read_level3(tmp_path / "all_l3.nc"))
    assert "given twice" not in caplog.text


def test_if_all_are_broken_there_is_no_mean(tmp_path, config):
    paths = make_granules(tmp_path / "l2", days=(1, 2))
    for path in paths:
        path.write_bytes(b"no granule")
    with pytest.raises(ProductError, match=r"all 2 granules are broken.*not a readable NetCDF"):
        grid_files(paths, config, tmp_path / "l3.nc")
    assert not (tmp_path / "l3.nc").exists()


def test_readers_side_by_side_give_the_same_bytes(tmp_path, config):
    paths = make_granules(tmp_path / "l2", days=range(1, 10))
    break_one(paths)
    files = []
    for workers in (1, 2, 5):
        files.append(tmp_path / f"{workers}.nc")
        grid_files(paths, config, files[-1], workers)
    assert len({path.read_bytes() for path in files}) == 1
    with xr.open_dataset(files[0]) as l3:
        assert float(l3[COLUMN].max()) > 0


def test_a_strict_run_ends_at_the_fault_with_readers_ahead(tmp_path, config):
    paths = make_granules(tmp_path / "l2", days=range(1, 10))
    break_one(paths)
    strict = config.model_copy(update={"strict": True})
    with pytest.raises(ProductError, match="not a readable NetCDF file"):
        grid_files(paths, strict, tmp_path / "l3.nc", workers=3)
