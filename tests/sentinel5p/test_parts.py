"""From an archive or from files to the level-3 mean."""

from __future__ import annotations

import logging
from datetime import date, datetime, timezone

import numpy as np
import pytest
import xarray as xr

from mmaq.base.errors import ArchiveError, MmaqError, ProductError
from mmaq.config.data import Grid
from mmaq.contracts.archive import SENTINEL5P, Asset, Product, write_collection
from mmaq.sentinel5p.by_hand import grid_files
from mmaq.sentinel5p.level3 import read_level3
from mmaq.sentinel5p.stage import grid as merge_parts
from mmaq.sentinel5p.stage import grid_part
from tests.sentinel5p.archives import YEAR, make_granules, same


def test_parts_and_files_in_one_go_give_the_same(tmp_path, archive, config):
    whole, merged, by_hand = tmp_path / "whole.nc", tmp_path / "merged.nc", tmp_path / "hand.nc"
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=tmp_path / "year.nc")
    merge_parts(parts=[tmp_path / "year.nc"], config=config, out=whole)
    parts = []
    for first, last in ((1, 1), (2, 3), (4, 9)):
        parts.append(tmp_path / f"part{first}.nc")
        grid_part(
            archive=archive,
            config=config,
            start=date(2021, 1, first),
            end=date(2021, 1, last),
            out=parts[-1],
        )
    merge_parts(parts=parts, config=config, out=merged)
    grid_files(list((tmp_path / "l2").glob("*.nc")), config, by_hand)
    assert np.isfinite(read_level3(whole).mean).any()
    same(read_level3(whole), read_level3(merged))
    same(read_level3(whole), read_level3(by_hand))
    with xr.open_dataset(whole) as one, xr.open_dataset(merged) as other:
        assert one.attrs == other.attrs


def test_the_same_input_gives_the_same_bytes(tmp_path, archive, config):
    for run in "ab":
        grid_part(
            archive=archive,
            config=config,
            start=YEAR[0],
            end=YEAR[1],
            out=tmp_path / f"part_{run}.nc",
        )
        grid_part(
            archive=archive,
            config=config,
            start=date(2020, 1, 1),
            end=date(2020, 1, 2),
            out=tmp_path / f"no_{run}.nc",
        )
        parts = [tmp_path / f"part_{run}.nc", tmp_path / f"no_{run}.nc"]
        merge_parts(
            parts=parts if run == "a" else parts[::-1], config=config, out=tmp_path / f"l3_{run}.nc"
        )
    for name in ("part", "no", "l3"):
        files = [tmp_path / f"{name}_{run}.nc" for run in "ab"]
        assert files[0].read_bytes() == files[1].read_bytes()


def test_days_without_a_granule_give_a_part_of_zero_weight(tmp_path, archive, config):
    grid_part(
        archive=archive,
        config=config,
        start=date(2020, 1, 1),
        end=date(2020, 1, 31),
        out=tmp_path / "empty.nc",
    )
    with pytest.raises(MmaqError, match=r"none of 0 pixels of 0 granules passes the filter"):
        merge_parts(parts=[tmp_path / "empty.nc"], config=config, out=tmp_path / "l3.nc")
    assert not (tmp_path / "l3.nc").exists()
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=tmp_path / "year.nc")
    merge_parts(
        parts=[tmp_path / "year.nc", tmp_path / "empty.nc"], config=config, out=tmp_path / "both.nc"
    )
    merge_parts(parts=[tmp_path / "year.nc"], config=config, out=tmp_path / "one.nc")
    assert (tmp_path / "both.nc").read_bytes() == (tmp_path / "one.nc").read_bytes()


def test_granules_off_the_grid_are_no_mean(tmp_path):
    paths = make_granules(tmp_path / "l2")
    far = Grid(bbox=(20.0, 50.0, 22.0, 51.0), resolution=0.05)
    with pytest.raises(ProductError, match=r"none of 480 pixels of 4 granules .* Give granules"):
        grid_files(paths, far, tmp_path / "l3.nc")


def test_a_damaged_granule_ends_a_strict_part_and_leaves_nothing(tmp_path, archive, config):
    config = config.model_copy(update={"strict": True})
    path = sorted((tmp_path / "l2").glob("*.nc"))[2]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"the checksum differs from the catalogue's"):
        grid_part(
            archive=archive,
            config=config,
            start=YEAR[0],
            end=YEAR[1],
            out=tmp_path / "out" / "part.nc",
        )
    path.unlink()
    with pytest.raises(ArchiveError, match=r"the catalogued file does not exist"):
        grid_part(
            archive=archive,
            config=config,
            start=YEAR[0],
            end=YEAR[1],
            out=tmp_path / "out" / "part.nc",
        )
    assert not (tmp_path / "out").exists()


def test_a_truncated_file_ends_a_strict_run_and_leaves_nothing(tmp_path, config):
    config = config.model_copy(update={"strict": True})
    paths = make_granules(tmp_path / "l2")
    paths[1].write_bytes(paths[1].read_bytes()[:5000])
    with pytest.raises(ProductError, match=r"not a readable NetCDF file"):
        grid_files(paths, config, tmp_path / "out" / "l3.nc")
    assert not (tmp_path / "out").exists()


def test_a_product_needs_one_netcdf_asset(tmp_path, config):
    path = tmp_path / "quicklook.png"
    path.write_bytes(b"png")
    time = datetime(2021, 1, 1, tzinfo=timezone.utc)
    product = Product("odd", SENTINEL5P, time, (4, 50, 6, 51), {"data": Asset(path)})
    write_collection(tmp_path / "archive", SENTINEL5P, "test", [product])
    with pytest.raises(ArchiveError, match=r"odd: the product has 0 NetCDF assets, not one"):
        grid_part(
            archive=tmp_path / "archive",
            config=config,
            start=YEAR[0],
            end=YEAR[1],
            out=tmp_path / "part.nc",
        )


def test_an_archive_without_granules_is_refused(tmp_path, config):
    with pytest.raises(ArchiveError, match=r"the file does not exist"):
        grid_part(
            archive=tmp_path, config=config, start=YEAR[0], end=YEAR[1], out=tmp_path / "part.nc"
        )


def test_a_granule_in_two_parts_is_refused(tmp_path, archive, config):
    for name in ("one.nc", "two.nc"):
        grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=tmp_path / name)
    with pytest.raises(ProductError, match=r"the granule is given twice"):
        merge_parts(
            parts=[tmp_path / "one.nc", tmp_path / "two.nc"], config=config, out=tmp_path / "l3.nc"
        )


@pytest.mark.parametrize("change", [{"qa": 0.5}, {"bbox": (4, 50, 6, 52)}, {"variable": "other"}])
def test_a_part_of_other_settings_is_refused(tmp_path, archive, config, change):
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=tmp_path / "part.nc")
    other = Grid(**config.model_dump() | change)
    with pytest.raises(ProductError, match=r"part\.nc: the part was made with another grid"):
        merge_parts(parts=[tmp_path / "part.nc"], config=other, out=tmp_path / "l3.nc")


def test_parts_may_be_cut_in_another_length(tmp_path, archive, config):
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=tmp_path / "part.nc")
    merge_parts(parts=[tmp_path / "part.nc"], config=Grid(**config.model_dump() | {"part": "year"}),
                out=tmp_path / "l3.nc")  # fmt: skip
    assert (tmp_path / "l3.nc").exists()


def test_a_damaged_part_is_refused(tmp_path, archive, config):
    part = tmp_path / "part.nc"
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    part.write_bytes(part.read_bytes()[:3000])
    with pytest.raises(ProductError, match=r"part\.nc: not a readable part of a grid"):
        merge_parts(parts=[part], config=config, out=tmp_path / "l3.nc")
    with pytest.raises(ProductError, match=r"absent\.nc: the file does not exist"):
        merge_parts(parts=[tmp_path / "absent.nc"], config=config, out=tmp_path / "l3.nc")


def test_mixed_processor_versions_are_warned_about(tmp_path, config, caplog):
    paths = make_granules(tmp_path / "l2", versions=("020400", "020600"))
    with caplog.at_level(logging.INFO):
        grid_files(paths, config, tmp_path / "l3.nc")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [record.message for record in warnings] == [
        "the granules mix processor versions 2.4.0, 2.6.0: "
        "KNMI advises against mixing them in one mean"
    ]
    assert "4 granules read, 0 refused; of 480 pixels" in caplog.records[-1].message


def test_one_processor_version_is_not(tmp_path, config, caplog):
    grid_files(make_granules(tmp_path / "l2"), config, tmp_path / "l3.nc")
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


def test_a_box_of_broken_cells_is_no_grid():
    with pytest.raises(ValueError, match="whole multiples of resolution"):
        Grid(bbox=(0, 0, 1, 1.03), resolution=0.05)


def test_the_real_sicilian_orbits(tmp_path, real_data):
    paths = list((real_data / "s5p" / "tropomi_sicily_channel").glob("*.nc"))
    config = Grid(bbox=(14, 33.2, 19.3, 38), variable="NO2_slant_column_number_density")
    grid_files(paths, config, tmp_path / "l3.nc")
    l3 = read_level3(tmp_path / "l3.nc")
    assert len(paths) == 32
    assert l3.mean.shape == (96, 106)
    assert np.isfinite(l3.mean).all()
    # Slant columns of clean to moderately polluted air, and 32 orbits less what qa refuses.
    assert 1e-4 < l3.mean.min() < l3.mean.max() < 2.5e-4
    assert 20 < np.median(l3.weight) <= l3.weight.max() < 33
