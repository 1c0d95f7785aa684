"""The patch store from images in the published layout (method facts, section 1)."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.config.data import Patches, Published
from mmaq.errors import ConfigError, TableError
from mmaq.patches.assemble import (
    Modality,
    absent,
    describe_s2,
    describe_s5p,
    keep_valid,
    save_patches,
)
from mmaq.patches.published_files import SIDE, product_of, read_sentinel2, read_sentinel5p
from mmaq.sites import read_sites

STATION = "AirQualityStation"
FOLDERS = {"s2": "sentinel-2", "s5p": "sentinel-5p"}
PATHS = {"s2": "img_path", "s5p": "s5p_path"}
PIXEL = 10.0


def build_published_patches(
    config: Published, patches: Patches, sites: Path, out: str | PathLike[str]
) -> None:
    """Write the store of the published images: those that are there, by the sample table's paths.

    The sides of ``patches`` are cut from the centre of the 120 published pixels. Without
    ``config.images``, or without one of its two folders, that modality has no rows and the store
    says why. A station whose file is absent stays in the index with row -1.

    Raises:
        TableError: the site table or the sample table is missing, lacks a column or a station.
        ProductError: an image is damaged or not in the published layout.
        ConfigError: a side is larger than the published 120 pixels.
    """
    for key, side in (("s2_size", patches.s2_size), ("s5p_size", patches.s5p_size)):
        if side > SIDE:
            fault = f"{side} is more than the {SIDE} pixels of a published image"
            raise ConfigError(f"patches.{key}", fault, f"Set it to at most {SIDE}")
    ids = read_sites(sites)["site_id"]
    samples = _read_paths(config.samples, ids)
    s2 = _sentinel2(config, samples, patches.s2_size)
    save_patches(out, ids, s2, _sentinel5p(config, samples, patches.s5p_size))


def _read_paths(path: str | None, ids: pd.Series) -> pd.DataFrame:
    """The image paths of each site, in the order of ``ids``."""
    if path is None:
        raise TableError("published.samples", "no sample table is given", "Set published.samples")
    columns = [STATION, *PATHS.values()]
    try:
        table = pd.read_csv(path, dtype=str, usecols=lambda name: name in columns)
    except FileNotFoundError:
        raise TableError(path, "the file does not exist", "Correct published.samples") from None
    except ValueError as fault:
        raise TableError(path, f"not a CSV table ({fault})", "Correct published.samples") from None
    for column in columns:
        if column not in table:
            raise TableError(path, f"column {column!r} is missing", "Correct published.samples")
    table = table.drop_duplicates(STATION).set_index(STATION)
    unknown = ids[~ids.isin(table.index)]
    if len(unknown):
        fault_ = f"station {unknown.iloc[0]!r} of the site table is missing"
        raise TableError(path, fault_, "Run `mmaq landuse` again")
    return table.loc[ids]


def _files(
    config: Published, samples: pd.DataFrame, name: str
) -> tuple[list[Path], np.ndarray] | str:
    """The files that are there and which sites they belong to (bool), or why there are none."""
    if config.images is None:
        return "images not given: set published.images"
    folder = Path(config.images) / FOLDERS[name]
    if not folder.is_dir():
        return f"images absent: {folder} is no folder"
    paths = [folder / str(part) for part in samples[PATHS[name]]]
    held = np.array([path.is_file() for path in paths])
    if not held.any():
        return f"images absent: {folder} holds none of the files that {config.samples} names"
    return [path for path in paths if path.is_file()], held


def _sentinel2(config: Published, samples: pd.DataFrame, side: int) -> Modality:
    files = _files(config, samples, "s2")
    if isinstance(files, str):
        return absent("s2", len(samples), side, files)
    paths, held = files
    products = [product_of(path.name) for path in paths]
    values, mask = _stack(
        read_sentinel2(path, offset, side)
        for path, (_, _, offset) in zip(_progress(paths, "s2"), products, strict=True)
    )
    columns = {name: np.full(len(samples), None, object) for name in ("product", "time", "clear")}
    columns["product"][held] = [product for product, _, _ in products]
    columns["time"][held] = [time for _, time, _ in products]
    columns["clear"][held] = mask.mean(axis=(1, 2))
    return Modality(*keep_valid(values, mask, held), describe_s2(side, PIXEL), columns)


def _sentinel5p(config: Published, samples: pd.DataFrame, side: int) -> Modality:
    files = _files(config, samples, "s5p")
    if isinstance(files, str):
        return absent("s5p", len(samples), side, files)
    paths, held = files
    values, mask = _stack(read_sentinel5p(path, side) for path in _progress(paths, "s5p"))
    return Modality(*keep_valid(values, mask, held), describe_s5p(side, PIXEL, "m"))


def _stack(patches: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    values, masks = zip(*patches, strict=True)
    return np.stack(values), np.stack(masks)


def _progress(files: list[Path], name: str) -> Iterable[Path]:
    return tqdm(files, desc=f"published {FOLDERS[name]}", unit="file", disable=None)
