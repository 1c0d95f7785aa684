"""Small inputs of the patch stage: a site table, an L3 mean, an archive, published images."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from mmaq.config.data import Grid, Patches, Published
from mmaq.contracts.sites import COLUMNS, FEATURES, GEO, write_sites
from mmaq.patches.published import FILE_BANDS, MOLECULES_CM2, VARIABLE
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.level3 import write_level3
from mmaq.vocabulary import BANDS
from tests.sentinel2.products import Country


@pytest.fixture
def country(tmp_path):
    return Country(tmp_path / "archive")


@pytest.fixture
def save_sites(tmp_path):
    def save(places: pd.DataFrame) -> Path:
        table = places.assign(country="DE", block="0_0", no2=20.0)
        table[[*FEATURES, *GEO]] = np.nan
        write_sites(table.reindex(columns=list(COLUMNS)), tmp_path / "sites.parquet")
        return tmp_path / "sites.parquet"

    return save


@pytest.fixture
def save_l3(tmp_path):
    """Write a mean over a box in cells of 0.01 degrees; NaN cells are cells without footprint."""

    def save(west: float, south: float, mean: np.ndarray) -> Path:
        rows, columns = mean.shape
        sums = Accumulator.empty(RegularGrid(west, south, 0.01, columns, rows))
        sums.cells["weight"] = np.isfinite(mean)
        sums.cells["weighted"] = np.nan_to_num(mean)
        sums.units = "mol m-2"
        box = (west, south, west + columns * 0.01, south + rows * 0.01)
        write_level3(tmp_path / "l3.nc", sums, Grid(bbox=box, resolution=0.01))
        return tmp_path / "l3.nc"

    return save


class Images:
    """A published data set of a few stations, made from generated arrays."""

    def __init__(self, root: Path, save_sites) -> None:
        self.root, self.folder, self.save_sites = root, root / "images", save_sites
        self.rows: list[dict[str, str]] = []

    def add(self, station, reflectance=None, column=None, baseline="0214", side=200, **s5p):
        """``reflectance`` (120, 120, 12) in BANDS order; ``column`` (120, 120) in mol/m2."""
        name = f"S2A_MSIL2A_20200422T095031_N{baseline}_R079_T33UXP_20200422T142128.npy"
        row = {"AirQualityStation": station, "img_path": f"{station}/{name}",
               "s5p_path": f"{station}/l3_mean_europe_2018_2020_005dg.netcdf"}  # fmt: skip
        self.rows.append(row)
        if reflectance is not None:
            dn = reflectance[:, :, [BANDS.index(band) for band in FILE_BANDS]]
            if side == 200:
                dn = np.pad(dn, ((40, 40), (40, 40), (0, 0)), constant_values=9999)
            self.save_npy(row["img_path"], dn)
        if column is not None:
            self.save_netcdf(row["s5p_path"], column, **s5p)
        return row

    def save_npy(self, name, values):
        path = self.folder / "sentinel-2" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, values)
        return path

    def save_netcdf(self, name, column, rising=False, units=None, variable=VARIABLE):
        path = self.folder / "sentinel-5p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows, columns = column.shape
        with netCDF4.Dataset(path, "w") as data:
            for dimension, length in (("time", 1), ("y", rows), ("x", columns)):
                data.createDimension(dimension, length)
            data.createVariable("y", "f8", ("y",))[:] = np.arange(rows) * (1 if rising else -1)
            field = data.createVariable(variable, "f8", ("time", "y", "x"), fill_value=-9999.0)
            field[0] = np.ma.masked_invalid(column * MOLECULES_CM2)
            if units is not None:
                field.units = units
        return path

    def config(self, **changes) -> Published:
        path = self.root / "samples.csv"
        pd.DataFrame(self.rows).to_csv(path)
        return Published(**{"samples": str(path), "images": str(self.folder), **changes})

    def sites(self) -> Path:
        ids = [row["AirQualityStation"] for row in self.rows]
        return self.save_sites(pd.DataFrame({"site_id": ids, "lon": 10.0, "lat": 50.0}))


@pytest.fixture
def images(tmp_path, save_sites):
    return Images(tmp_path, save_sites)


@pytest.fixture
def small():
    return Patches(s2_size=16, s5p_size=4, min_clear=0.5)
