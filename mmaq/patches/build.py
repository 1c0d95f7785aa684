"""Stage 4: from the archive, the level-3 grid and the site table to the patch store."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.archive import SENTINEL2, SENTINEL5P, has_collection
from mmaq.config.data import Patches
from mmaq.patches.assemble import (
    Modality,
    absent,
    describe_s2,
    describe_s5p,
    keep_valid,
    save_patches,
)
from mmaq.sentinel2.cut import cut_windows as cut_sentinel2
from mmaq.sentinel5p.level3 import read_level3
from mmaq.sentinel5p.windows import cut_windows as cut_sentinel5p
from mmaq.sites import read_sites


def build_patches(
    archive: str | os.PathLike[str],
    sites: str | os.PathLike[str],
    l3: str | os.PathLike[str] | None,
    config: Patches,
    out: str | os.PathLike[str],
    workers: int,
) -> None:
    """Cut the patches of every site and write the store at the folder ``out``.

    A site without a clear Sentinel-2 window, or without a single valid level-3 cell, stays in the
    index with row -1. An archive without Sentinel-2, or without Sentinel-5P (``l3`` is None),
    gives a store without that modality, which says so.

    Raises:
        TableError: the site table is missing or broken.
        ArchiveError, ProductError: a product or the level-3 file is missing or damaged.
    """
    table = read_sites(sites)
    s5p = _sentinel5p(l3, table, config.s5p_size)
    save_patches(out, table["site_id"], _sentinel2(archive, table, config, workers), s5p)


def _sentinel2(
    archive: str | os.PathLike[str], sites: pd.DataFrame, config: Patches, workers: int
) -> Modality:
    if not has_collection(archive, SENTINEL2):
        reason = f"the archive has no collection {SENTINEL2}"
        return absent("s2", len(sites), config.s2_size, reason)
    windows = cut_sentinel2(archive, sites, config.s2_size, config.min_clear, workers)
    table = windows.table
    return Modality(
        windows.values,
        windows.mask,
        table["row"].to_numpy(),
        describe_s2(config.s2_size, windows.pixel),
        {name: table[name] for name in ("product", "time", "clear")},
        f"no product holds a window with {config.min_clear:.0%} clear pixels",
    )


def _sentinel5p(l3: str | os.PathLike[str] | None, sites: pd.DataFrame, size: int) -> Modality:
    if l3 is None:
        reason = f"the archive has no collection {SENTINEL5P}"
        return absent("s5p", len(sites), size, reason)
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    values, mask = cut_sentinel5p(Path(l3), lon, lat, size)
    values, mask, rows = keep_valid(values, mask, np.ones(len(sites), bool))
    reason = "the level-3 grid has no valid cell around any site"
    about = describe_s5p(size, read_level3(Path(l3)).grid.resolution, "degrees")
    return Modality(values, mask, rows, about, reason=reason)
