"""A folder in the published layout, made from given pixels, and a way to run the command on it."""

from __future__ import annotations

import logging
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import pytest

from mmaq.run import main

ROOT = Path(__file__).parents[2]
PAPER = ROOT / "config" / "paper.yaml"
STORE_BANDS = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
FILE_BANDS = ["B04", "B03", "B02", "B08", "B05", "B06", "B07", "B8A", "B11", "B12", "B01", "B09"]
AVOGADRO = 6.02214076e23

SETTINGS = """
pretrain: {threads: 1, projection: 32, transductive: true, precision: float32}
evaluate: {splits: [random, blocks], folds: 3, seeds: [0, 1], bootstrap: 50, finetune: {epochs: 2},
           label_fractions: [0.5]}
"""
SMALL = ("--network", "resnet18", "--s5pnet", "small", "--img_size", "16")


def make_folder(root, pixels, rng):
    """``pixels`` (n, 12, 120, 120) DN in store order. NO2 is what the columns say, with noise."""
    count = len(pixels)
    columns = rng.uniform(2e-5, 2e-4, count)
    rows = []
    for number, (image, column) in enumerate(zip(pixels, columns, strict=True)):
        station = f"STA-XX{number:04d}"
        name = f"S2A_MSIL2A_20190{1 + number % 9}22T095031_N0214_R079_T33UXP_20190422T142128.npy"
        row = {
            "idx": number, "AirQualityStation": station, "img_path": f"{station}/{name}",
            "s5p_path": f"{station}/l3_mean_europe_2018_2020_005dg.netcdf", "Countrycode": "AT",
            "Altitude": rng.uniform(0, 900), "PopulationDensity": rng.lognormal(5, 1),
        }  # fmt: skip
        area, kind = np.eye(3, dtype=int)[rng.integers(0, 3, 2)]
        row |= dict(zip(("rural", "suburban", "urban"), area, strict=True))
        row |= dict(zip(("background", "industrial", "traffic"), kind, strict=True))
        rows.append(row | {"no2": 5 + 2e5 * column + rng.normal(0, 0.5)})
        _save_image(root / "sentinel-2" / row["img_path"], image)
        _save_column(
            root / "sentinel-5p" / row["s5p_path"], column * rng.normal(1, 0.01, (120, 120))
        )
    pd.DataFrame(rows).to_csv(root / "pollutant_ssl.csv")
    return root / "pollutant_ssl.csv"


def _save_image(path, image):
    path.parent.mkdir(parents=True)
    np.save(path, np.stack([image[STORE_BANDS.index(band)] for band in FILE_BANDS], axis=-1))


def _save_column(path, field):
    path.parent.mkdir(parents=True)
    with netCDF4.Dataset(path, "w") as data:
        for dimension, length in (("time", 1), ("latitude", 120), ("longitude", 120)):
            data.createDimension(dimension, length)
        variable = data.createVariable(
            "tropospheric_NO2_column_number_density", "f4", ("time", "latitude", "longitude")
        )
        variable[0] = field * AVOGADRO / 1e4


def random_pixels(count, rng):
    return rng.integers(1, 9000, (count, 12, 120, 120)).astype(np.uint16)


def call(where, *arguments):
    """Run the command in the folder ``where``; the logging that it sets up does not outlive it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(where)
            main(PAPER, [*map(str, arguments)])
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def small(folder, task, *more):
    """Arguments of a small run on the table of ``folder``."""
    settings = folder / "settings.yaml"
    settings.write_text(SETTINGS)
    table = folder / "pollutant_ssl.csv"
    return "--task", task, "--samples_file", table, "--config", settings, *more
