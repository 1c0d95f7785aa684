"""A part goes on from what it holds, and starts anew when that is no longer right."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from netCDF4 import Dataset

from mmaq.base.errors import ProductError
from mmaq.sentinel5p import accumulator as stream
from mmaq.sentinel5p import sums
from mmaq.sentinel5p.level3 import read_level3
from mmaq.sentinel5p.reader import read_granule
from mmaq.sentinel5p.stage import grid as merge_parts
from mmaq.sentinel5p.stage import grid_part
from tests.sentinel5p.archives import YEAR, catalogue, make_granules, same


@pytest.fixture
def reads(monkeypatch):
    """Names of the granules that are read."""
    found = []

    def noting(path, *arguments):
        found.append(path.stem)
        return read_granule(path, *arguments)

    monkeypatch.setattr(stream, "read_granule", noting)
    return found


def test_a_new_day_costs_one_day(tmp_path, config, reads):
    paths = make_granules(tmp_path / "l2")
    part, fresh = tmp_path / "part.nc", tmp_path / "fresh.nc"
    archive = catalogue(tmp_path / "archive", paths[:3])
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert len(reads) == 3
    before = part.read_bytes()
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert (len(reads), part.read_bytes()) == (3, before)
    catalogue(tmp_path / "archive", paths)
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert reads[3:] == [paths[3].stem]
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=fresh)
    for name, out in (("a", part), ("b", fresh)):
        merge_parts(parts=[out], config=config, out=tmp_path / f"{name}.nc")
    same(read_level3(tmp_path / "a.nc"), read_level3(tmp_path / "b.nc"))


@pytest.mark.parametrize("change", ["settings", "version", "a granule less", "damaged part"])
def test_a_part_that_is_no_longer_right_is_made_anew(tmp_path, config, reads, monkeypatch, change):
    paths = make_granules(tmp_path / "l2")
    archive = catalogue(tmp_path / "archive", paths)
    part, fresh = tmp_path / "part.nc", tmp_path / "fresh.nc"
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    wanted = 4
    if change == "settings":
        config = config.model_copy(update={"qa": 0.9})
    elif change == "version":
        monkeypatch.setattr(sums, "VERSION", sums.VERSION + 1)
    elif change == "a granule less":
        catalogue(tmp_path / "archive", paths[1:])
        wanted = 3
    else:
        part.write_bytes(part.read_bytes()[:4000])
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert len(reads) == 4 + wanted
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=fresh)
    assert part.read_bytes() == fresh.read_bytes()


def rewrite_about(part, change):
    """Change what a part says of itself, as an older version of mmaq would have written it."""
    with Dataset(part) as data:
        arrays = {name: data[name][:].data for name in data.variables}
    about = change(json.loads(arrays["about"].tobytes()))
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), "u1")
    with Dataset(part, "w") as data:
        for name, array in arrays.items():
            dimensions = [f"{name}_{axis}" for axis in range(array.ndim)]
            for dimension, size in zip(dimensions, array.shape, strict=True):
                data.createDimension(dimension, size)
            data.createVariable(name, array.dtype, dimensions, fill_value=False)[:] = array


def by_a_digest_of_the_code(about):
    del about["version"]
    return about | {"grid": about["grid"] + "0123abcd" * 8}


def without_a_newer_setting(about):
    settings = json.loads(about["grid"])
    del settings["rows"], settings["solar_zenith"]
    return about | {"grid": json.dumps(settings)}


@pytest.mark.parametrize("older", [by_a_digest_of_the_code, without_a_newer_setting])
def test_an_upgrade_of_the_code_throws_no_sums_away(tmp_path, config, reads, older):
    archive = catalogue(tmp_path / "archive", make_granules(tmp_path / "l2"))
    part = tmp_path / "part.nc"
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    merge_parts(parts=[part], config=config, out=tmp_path / "before.nc")
    rewrite_about(part, older)
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert len(reads) == 4
    merge_parts(parts=[part], config=config, out=tmp_path / "after.nc")
    same(read_level3(tmp_path / "before.nc"), read_level3(tmp_path / "after.nc"))
    changed = config.model_copy(update={"rows": (0, 400)})
    grid_part(archive=archive, config=changed, start=YEAR[0], end=YEAR[1], out=part)
    assert len(reads) == 8


def test_a_granule_that_was_broken_is_tried_again(tmp_path, archive, config, reads, caplog):
    path = sorted((tmp_path / "l2").glob("*.nc"))[2]
    intact = path.read_bytes()
    path.write_bytes(intact[:-1] + b"!")
    part = tmp_path / "part.nc"
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert "the checksum differs from the catalogue's" in caplog.text
    assert len(reads) == 3
    path.write_bytes(intact)
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert reads[3:] == [path.stem]
    assert "refused" not in merged_attribute(part, config, tmp_path)


def merged_attribute(part, config, folder):
    merge_parts(parts=[part], config=config, out=folder / "l3.nc")
    with xr.open_dataset(folder / "l3.nc") as l3:
        return l3.attrs["granules_refused"]


def test_a_flipped_byte_anywhere_in_a_part_is_found_out(tmp_path, archive, config):
    part = tmp_path / "part.nc"
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    merge_parts(parts=[part], config=config, out=tmp_path / "intact.nc")
    intact, expected = part.read_bytes(), read_level3(tmp_path / "intact.nc")
    found_out = 0
    for position in np.random.default_rng(0).integers(0, len(intact), 60):
        data = bytearray(intact)
        data[position] ^= 64
        part.write_bytes(data)
        try:
            merge_parts(parts=[part], config=config, out=tmp_path / "l3.nc")
        except ProductError:
            found_out += 1
        else:
            same(read_level3(tmp_path / "l3.nc"), expected)
    assert found_out > 20


def test_a_broken_granule_that_is_taken_away_is_not_told_of_any_more(tmp_path, config):
    paths = make_granules(tmp_path / "l2")
    archive = catalogue(tmp_path / "archive", paths)
    paths[2].write_bytes(b"broken")
    part = tmp_path / "part.nc"
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert paths[2].name in merged_attribute(part, config, tmp_path)
    catalogue(tmp_path / "archive", [*paths[:2], paths[3]])
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=part)
    assert merged_attribute(part, config, tmp_path) == ""
