"""The store of scenes: arrays that are memory-mapped and a Parquet index, read without rasterio.

index.parquet   scene_id, location, fuel (class, -1: unknown), has_plume, outlined, side
images.npy      (n, 12, 120, 120) uint16, reflectance x 10000, B01..B12 without B10
masks.npy       (n, 120, 120) uint8, 1 in the plume
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.arrays import read_array
from mmaq.base.errors import StoreError
from mmaq.base.files import reading, replacing
from mmaq.vocabulary import BANDS

ARRAYS = {"images": np.uint16, "masks": np.uint8}

FILES = ("index.parquet", *(f"{name}.npy" for name in ARRAYS))

INDEX = ("scene_id", "location", "fuel", "has_plume", "outlined", "side")

REMEDY = "Make the store again with `mmaq plants`"


@dataclass(frozen=True)
class PlantStore:
    """An open store. ``outlined`` says whether a scene's mask is known: it was looked at."""

    index: pd.DataFrame
    images: np.ndarray
    masks: np.ndarray


def write_plant_store(
    folder: str | os.PathLike[str], index: pd.DataFrame, images: np.ndarray, masks: np.ndarray
) -> None:
    """Write a store; the folder appears whole or not at all."""
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        np.save(temporary / "images.npy", images)
        np.save(temporary / "masks.npy", masks)
        index[list(INDEX)].to_parquet(temporary / "index.parquet", index=False)


def open_plant_store(folder: str | os.PathLike[str]) -> PlantStore:
    """Open a store.

    Raises:
        StoreError: a file is missing or damaged, or the shapes disagree.
    """
    folder = Path(folder)
    path = folder / "index.parquet"
    with reading(path, StoreError, "the file cannot be read", REMEDY):
        index = pd.read_parquet(path)
    arrays = {}
    for name, kind in ARRAYS.items():
        path = folder / f"{name}.npy"
        arrays[name] = read_array(path, StoreError, REMEDY)
        if arrays[name].dtype != kind:
            fault = f"the file cannot be read ({arrays[name].dtype} instead of {np.dtype(kind)})"
            raise StoreError(path, fault, REMEDY)
    images, masks = arrays["images"], arrays["masks"]
    expected = (len(index), len(BANDS), *masks.shape[1:])
    if list(index) != list(INDEX) or images.shape != expected or len(masks) != len(index):
        fault_ = f"index, images {images.shape} and masks {masks.shape} do not go together"
        raise StoreError(folder, fault_, REMEDY)
    return PlantStore(index, images, masks)
