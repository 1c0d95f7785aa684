"""The same cells and numbers as HARP, where HARP is installed."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date

import netCDF4
import numpy as np
import pytest

from benchmarks.full_orbit import write_full_orbit
from benchmarks.harp import column_name, harp_command
from mmaq.config.data import Grid
from mmaq.sentinel5p.by_hand import grid_files
from mmaq.sentinel5p.level3 import read_level3

pytestmark = pytest.mark.skipif(
    shutil.which("harpmerge") is None, reason="HARP absent: apt-get install harp"
)


def same_as_harp(paths, config, folder):
    """Compare our mean with HARP's; returns the number of cells with a value."""
    grid_files(paths, config, folder / "l3.nc")
    ours = read_level3(folder / "l3.nc").mean
    command = harp_command(paths, config, folder / "harp.nc")
    subprocess.run(command, check=True, capture_output=True)
    with netCDF4.Dataset(folder / "harp.nc") as data:
        theirs = np.ma.filled(data[column_name(config)][0], np.nan)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, equal_nan=True)
    return np.isfinite(ours).sum()


@pytest.mark.parametrize("bbox", [(14, 33.2, 19.3, 38), (12, 32, 21, 40), (16, 35, 17, 36)])
def test_the_real_orbits_give_the_mean_that_harp_gives(tmp_path, real_data, bbox):
    paths = sorted((real_data / "s5p" / "tropomi_sicily_channel").glob("*.nc"))
    assert len(paths) == 32
    config = Grid(bbox=bbox, resolution=0.05, variable="NO2_slant_column_number_density")
    assert same_as_harp(paths, config, tmp_path)


@pytest.mark.slow
def test_full_orbits_over_europe_give_the_mean_that_harp_gives(tmp_path):
    paths = [write_full_orbit(tmp_path, date(2021, 6, 1 + day)) for day in range(2)]
    config = Grid(bbox=(-25, 34, 45, 72), resolution=0.05)
    assert same_as_harp(paths, config, tmp_path) > 2e5


@pytest.mark.slow
def test_full_orbits_around_the_antimeridian_give_the_mean_that_harp_gives(tmp_path):
    paths = [write_full_orbit(tmp_path, date(2021, 6, 1 + n), 180.0, 20.0) for n in range(2)]
    for west, east in ((172, 180), (-180, -172), (172, -172)):
        config = Grid(bbox=(west, -10, east, 40), resolution=0.05)
        assert same_as_harp(paths, config, tmp_path) > 5e4


def test_harp_opens_our_level_3(tmp_path, config, granule):
    """HARP reads NetCDF-4 through HDF5, which Debian's build lacks: so from a classic copy."""
    grid_files([granule], config, tmp_path / "l3.nc")
    with (
        netCDF4.Dataset(tmp_path / "l3.nc") as ours,
        netCDF4.Dataset(tmp_path / "classic.nc", "w", format="NETCDF3_CLASSIC") as copy,
    ):
        copy.setncatts({key: ours.getncattr(key) for key in ours.ncattrs()})
        for name, dimension in ours.dimensions.items():
            copy.createDimension(name, dimension.size)
        for name, variable in ours.variables.items():
            variable.set_auto_maskandscale(False)
            made = copy.createVariable(name, variable.dtype, variable.dimensions)
            made.setncatts({k: variable.getncattr(k) for k in variable.ncattrs() if k[0] != "_"})
            made[:] = variable[:]
    listed = subprocess.run(["harpdump", tmp_path / "classic.nc"], capture_output=True, text=True)
    assert listed.returncode == 0, listed.stderr
    assert f"float {config.variable}" in listed.stdout
    subset = ["harpconvert", "-a", f"keep({config.variable},latitude,longitude)"]
    run = subprocess.run([*subset, tmp_path / "classic.nc", tmp_path / "out.nc"])
    assert run.returncode == 0
    with netCDF4.Dataset(tmp_path / "out.nc") as data:
        theirs = np.ma.filled(data[config.variable][:], np.nan)
    np.testing.assert_array_equal(theirs, read_level3(tmp_path / "l3.nc").mean)
