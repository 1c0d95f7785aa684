"""The stages ``patches`` and ``patches_published``: the patch store (contract 3) from its sources.

From the archive, the level-3 grid and the site table, or from images in the published layout.
"""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from mmaq.base.errors import ConfigError
from mmaq.config.data import Patches, Published
from mmaq.contracts.sites import read_sites
from mmaq.patches.assemble import cut_s2, cut_s5p, save_patches
from mmaq.patches.published import (
    SIDE,
    read_paths,
    read_sentinel2_patches,
    read_sentinel5p_patches,
)


def patches(
    *,
    archive: str | os.PathLike[str] | None,
    sites: str | os.PathLike[str],
    l3: str | os.PathLike[str] | None,
    config: Patches,
    out: str | os.PathLike[str],
    workers: int,
) -> None:
    """Cut the patches of every site and write the store at the folder ``out``.

    A site without a clear Sentinel-2 window, or without a single valid level-3 cell, stays in the
    index with row -1. Without an archive, and of one without Sentinel-2, or without Sentinel-5P
    (``l3`` is None), comes a store without that modality, which says so.

    Raises:
        TableError: the site table is missing or broken.
        ArchiveError, ProductError: a product or the level-3 file is missing or damaged.
    """
    table = read_sites(sites)
    s5p = cut_s5p(l3, table, config.s5p_size)
    save_patches(out, table["site_id"], cut_s2(archive, table, config, workers), s5p)


def patches_published(
    *, config: Published, patches: Patches, sites: Path, out: str | PathLike[str]
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
    samples = read_paths(config.samples, ids)
    s2 = read_sentinel2_patches(config, samples, patches.s2_size)
    save_patches(out, ids, s2, read_sentinel5p_patches(config, samples, patches.s5p_size))
