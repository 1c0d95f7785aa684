"""Contract 3, the patch store: a few large arrays that are memory-mapped, and a Parquet index.

    store.json      version, extent of each modality, and why a modality is absent
    index.parquet   site_id, s2_row, s5p_row (-1: the site has no such patch), s2_product,
                    s2_time, s2_clear (share of clear pixels of the patch)
    s2.npy          (n, 12, side, side) uint16, reflectance x 10000, B01..B12 without B10, 10 m
    s2_mask.npy     (n, side, side) uint8, 1 where the pixel is valid and clear
    s5p.npy         (m, side, side) float32, mol/m2, first row north; 0 where masked
    s5p_mask.npy    (m, side, side) uint8, 1 where the cell has a value

Reading needs numpy and pandas alone, so that training runs on a node without geospatial libraries.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmaq.base.arrays import read_array
from mmaq.base.errors import StoreError
from mmaq.base.files import read_json, reading, replacing, write_json
from mmaq.vocabulary import BANDS

VERSION = 1

ARRAYS = ("s2", "s2_mask", "s5p", "s5p_mask")

FILES = ("store.json", "index.parquet", *(f"{name}.npy" for name in ARRAYS))

DTYPES = {"s2": np.uint16, "s2_mask": np.uint8, "s5p": np.float32, "s5p_mask": np.uint8}

INDEX = ("site_id", "s2_row", "s5p_row", "s2_product", "s2_time", "s2_clear")

PIXELS = ("pixel_m", "pixel_degrees")
"""Size of a pixel of a modality, one or the other."""

LARGEST_COLUMN = 1.0
"""No column of NO2 comes near it, mol/m2; damaged numbers are many powers of ten away."""

CHUNK = 1024
"""Patches that are checked at once."""

REMEDY = "Make the store again with `mmaq patches`"


@dataclass(frozen=True)
class PatchStore:
    """An open store. Arrays are read-only memory maps with the shapes above."""

    folder: Path
    about: Mapping[str, Any]
    index: pd.DataFrame
    s2: np.ndarray
    s2_mask: np.ndarray
    s5p: np.ndarray
    s5p_mask: np.ndarray

    @property
    def aligned(self) -> bool:
        """Whether both modalities' patches cover the same ground, as the published ones do."""
        sides = [self._metres(name) for name in ("s2", "s5p")]
        return None not in sides and sides[0] == sides[1]

    def _metres(self, modality: str) -> float | None:
        about = self.about["modalities"].get(modality, {})
        return about["side"] * about["pixel_m"] if "pixel_m" in about else None

    def size(self, modality: str) -> dict[str, float]:
        """How large patches of ``modality`` are: their "side" in pixels and, where the store says
        it, that of a pixel, "pixel_m" or "pixel_degrees", to six decimals."""
        about = self.about["modalities"].get(modality, {})
        pixels = {name: round(about[name], 6) for name in PIXELS if name in about}
        return {"side": getattr(self, modality).shape[-1], **pixels}

    def rows(self, modality: str, site_ids: pd.Series | np.ndarray) -> np.ndarray:
        """Row of each site in the arrays of ``modality`` ("s2" or "s5p"); -1 where it has none."""
        known = pd.Series(self.index[f"{modality}_row"].to_numpy(), index=self.index["site_id"])
        return known.reindex(site_ids).fillna(-1).to_numpy(dtype=np.int64)

    def patches(self, modality: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and mask at ``rows`` (n,) of the arrays of ``modality``, copied.

        Raises:
            StoreError: as :meth:`check`.
        """
        values, mask = (getattr(self, name)[rows] for name in (modality, f"{modality}_mask"))
        self.check(modality, values, mask)
        return values, mask

    def check(self, modality: str, values: np.ndarray, mask: np.ndarray) -> None:
        """Refuse damaged numbers of ``modality``, which the store's own files hold.

        It is asked of what is read, and not of all when the store is opened: the masks of 100,000
        sites are 1.4 GB.

        Raises:
            StoreError: a mask holds more than 0 and 1, or a column what is none.
        """
        for start in range(0, len(values), CHUNK):
            part = slice(start, start + CHUNK)
            if mask[part].max(initial=0) > 1:
                where = self.folder / f"{modality}_mask.npy"
                raise StoreError(where, "holds more than 0 and 1", REMEDY)
            if modality == "s5p" and not (np.abs(values[part]) <= LARGEST_COLUMN).all():
                where = self.folder / "s5p.npy"
                raise StoreError(where, "holds what is no column in mol/m2", REMEDY)

    def absence(self, modality: str) -> str | None:
        """Why the store holds no patch of ``modality``, or ``None`` when it holds some."""
        if len(getattr(self, modality)):
            return None
        return str(self.about["absent"].get(modality, "no site has such a patch"))


def write_store(
    folder: str | os.PathLike[str],
    index: pd.DataFrame,
    arrays: Mapping[str, np.ndarray],
    about: Mapping[str, Any],
    absent: Mapping[str, str],
) -> None:
    """Write a store in one step: the folder appears whole or not at all.

    ``about`` describes each modality that is held (bands, side, resolution, units), ``absent``
    says for each other modality why it is not.
    """
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        for name in ARRAYS:
            np.save(temporary / f"{name}.npy", arrays[name].astype(DTYPES[name], copy=False))
        index[list(INDEX)].to_parquet(temporary / "index.parquet", index=False)
        value = {"version": VERSION, "modalities": dict(about), "absent": dict(absent)}
        write_json(temporary / "store.json", value)


def open_store(folder: str | os.PathLike[str]) -> PatchStore:
    """Open a store; of its arrays the headers alone are read.

    Raises:
        StoreError: a file is missing or cut, or the shapes disagree with the index.
    """
    folder = Path(folder)
    about = read_json(folder / "store.json", StoreError, REMEDY)
    version = about.get("version") if isinstance(about, dict) else None
    if version != VERSION:
        raise StoreError(folder, f"version {version!r} is not {VERSION}", REMEDY)
    arrays = {}
    path = folder / "index.parquet"
    with reading(path, StoreError, "the file cannot be read", REMEDY):
        index = pd.read_parquet(path)
    for name in ARRAYS:
        arrays[name] = read_array(folder / f"{name}.npy", StoreError, REMEDY)
    _check_about(folder, about)
    _check_index(folder / "index.parquet", index)
    _check(folder, index, arrays)
    return PatchStore(folder, about, index, **arrays)


def _check_about(folder: Path, about: Mapping[str, Any]) -> None:
    """Refuse a description that does not say what is held, and why the rest is not."""
    held, absent = about.get("modalities"), about.get("absent")
    each = list(held.values()) if isinstance(held, dict) else [None]
    described = all(
        isinstance(one, dict) and all(_is_length(one.get(key, 1)) for key in ("side", *PIXELS))
        for one in each
    )
    if not described or not isinstance(absent, dict):
        fault = "it does not describe modalities, or why they are absent"
        raise StoreError(folder / "store.json", fault, REMEDY)


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < np.inf


def _check_index(path: Path, index: pd.DataFrame) -> None:
    missing = [name for name in INDEX if name not in index]
    if missing:
        raise StoreError(path, f"column {missing[0]!r} is missing", REMEDY)
    for name in ("s2_row", "s5p_row"):
        if not pd.api.types.is_integer_dtype(index[name]):
            raise StoreError(path, f"column {name!r} holds no row numbers", REMEDY)
    ids = index["site_id"]
    if not ids.map(lambda each: isinstance(each, str)).all() or ids.duplicated().any():
        raise StoreError(path, "column 'site_id' does not name each site once", REMEDY)


def _check(folder: Path, index: pd.DataFrame, arrays: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays of another kind, and an index that does not number their rows once each."""
    for name, leading in (("s2", (len(BANDS),)), ("s5p", ())):
        values, mask = arrays[name], arrays[f"{name}_mask"]
        alike = values.dtype == DTYPES[name] and mask.dtype == DTYPES[f"{name}_mask"]
        if not alike or values.shape != (len(mask), *leading, *mask.shape[1:]) or mask.ndim != 3:
            fault = f"{values.dtype} {values.shape} does not go with its mask {mask.shape}"
            raise StoreError(folder / f"{name}.npy", fault, REMEDY)
        rows = index[f"{name}_row"].to_numpy()
        if not np.array_equal(np.sort(rows[rows >= 0]), np.arange(len(values))):
            fault = f"its {len(values)} rows do not match {name}_row of the index"
            raise StoreError(folder / f"{name}.npy", fault, REMEDY)
