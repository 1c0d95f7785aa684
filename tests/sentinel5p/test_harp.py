"""The same cells and numbers as HARP, where HARP is installed."""

from __future__ import annotations

import shutil
import subprocess

import netCDF4
import numpy as np
import pytest

from mmaq.config.data import Grid
from mmaq.sentinel5p import grid_files, read_level3

pytestmark = pytest.mark.skipif(
    shutil.which("harpmerge") is None, reason="HARP absent: apt-get install harp"
)


def harp_mean(paths, config, validity, out):
    west, south, east, north = config.bbox
    rows, columns = (round(s / config.resolution) + 1 for s in (north - south, east - west))
    keep = f"latitude_bounds,longitude_bounds,datetime_start,datetime_length,{config.variable}"
    each = (
        f"{validity}>{config.qa * 100:g};keep({keep});"
        f"bin_spatial({rows},{south},{config.resolution},{columns},{west},{config.resolution});"
        "derive(latitude {latitude});derive(longitude {longitude})"
    )
    bounds = "latitude,longitude,latitude_bounds,longitude_bounds"
    merge = ["harpmerge", "-ap", f"bin();squash(time,({bounds}))", "-a", each]
    subprocess.run([*merge, *map(str, paths), str(out)], check=True, capture_output=True)
    with netCDF4.Dataset(out) as data:
        return np.ma.filled(data[config.variable][0], np.nan)


@pytest.mark.parametrize("bbox", [(14, 33.2, 19.3, 38), (12, 32, 21, 40), (16, 35, 17, 36)])
def test_the_real_orbits_give_the_mean_that_harp_gives(tmp_path, real_data, bbox):
    paths = sorted((real_data / "s5p" / "tropomi_sicily_channel").glob("*.nc"))
    config = Grid(bbox=bbox, resolution=0.05, variable="NO2_slant_column_number_density")
    grid_files(paths, config, tmp_path / "l3.nc")
    ours = read_level3(tmp_path / "l3.nc").mean
    validity = "tropospheric_NO2_column_number_density_validity"
    theirs = harp_mean(paths, config, validity, tmp_path / "harp.nc")
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, equal_nan=True)
