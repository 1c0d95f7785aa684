"""From windows of each modality to a store: rows, index, description, final log line."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmaq.config.data import Patches
from mmaq.contracts.archive import SENTINEL2, SENTINEL5P, has_collection
from mmaq.contracts.patches import DTYPES, write_store
from mmaq.sentinel2.cut import cut_windows as cut_sentinel2
from mmaq.sentinel5p.level3 import read_level3
from mmaq.sentinel5p.windows import cut_windows as cut_sentinel5p
from mmaq.vocabulary import BANDS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Modality:
    """Patches of one modality and the row of each site in them (-1: none).

    ``about`` describes them; ``columns`` are the modality's own index columns; ``reason`` says
    why no site has a patch, where none has.
    """

    values: np.ndarray
    mask: np.ndarray
    rows: np.ndarray
    about: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    reason: str = "no site has such a patch"


def cut_s2(
    archive: str | os.PathLike[str] | None, sites: pd.DataFrame, config: Patches, workers: int
) -> Modality:
    """Windows of Sentinel-2 around the sites; absent with the reason where there are none."""
    if archive is None:
        return absent("s2", len(sites), config.s2_size, "there is no archive")
    if not has_collection(archive, SENTINEL2):
        reason = f"the archive has no collection {SENTINEL2}"
        return absent("s2", len(sites), config.s2_size, reason)
    windows = cut_sentinel2(archive, sites, config.s2_size, config.min_clear, workers)
    table = windows.table
    asked = f"{config.min_clear:.0%} clear pixels" if config.min_clear else "a clear pixel"
    return Modality(
        windows.values,
        windows.mask,
        table["row"].to_numpy(),
        describe_s2(config.s2_size, windows.pixel),
        {name: table[name] for name in ("product", "time", "clear")},
        f"no product holds a window with {asked}",
    )


def cut_s5p(l3: str | os.PathLike[str] | None, sites: pd.DataFrame, size: int) -> Modality:
    """Windows of the level-3 mean around the sites; absent with the reason where there is none."""
    if l3 is None:
        reason = f"the archive has no collection {SENTINEL5P}"
        return absent("s5p", len(sites), size, reason)
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    values, mask = cut_sentinel5p(Path(l3), lon, lat, size)
    values, mask, rows = keep_valid(values, mask, np.ones(len(sites), bool))
    reason = "the level-3 grid has no valid cell around any site"
    about = describe_s5p(size, read_level3(Path(l3)).grid.resolution, "degrees")
    return Modality(values, mask, rows, about, reason=reason)


def absent(name: str, sites: int, side: int, reason: str) -> Modality:
    """A modality ("s2" or "s5p") of which no site has a patch."""
    bands = (len(BANDS),) if name == "s2" else ()
    values = np.zeros((0, *bands, side, side), DTYPES[name])
    mask = np.zeros((0, side, side), np.uint8)
    return Modality(values, mask, np.full(sites, -1, np.int64), reason=reason)


def describe_s2(side: int, pixel: float) -> dict[str, Any]:
    """What ``store.json`` says of Sentinel-2 patches; ``pixel`` in m."""
    return {"bands": list(BANDS), "side": side, "pixel_m": pixel, "units": "reflectance x 10000"}


def describe_s5p(side: int, pixel: float, unit: str) -> dict[str, Any]:
    """What ``store.json`` says of Sentinel-5P patches; ``pixel`` in ``unit`` ("degrees" or "m")."""
    return {"side": side, f"pixel_{unit}": pixel, "units": "mol m-2"}


def keep_valid(
    values: np.ndarray, mask: np.ndarray, held: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, mask and row of each site, without the patches that have no valid pixel.

    ``values`` and ``mask`` are the patches of the sites that ``held`` (bool, one a site) marks.
    """
    some = mask.any(axis=(1, 2))
    rows = np.full(len(held), -1, np.int64)
    rows[np.flatnonzero(held)[some]] = np.arange(some.sum())
    return (values, mask, rows) if some.all() else (values[some], mask[some], rows)


def save_patches(
    out: str | os.PathLike[str], sites: pd.Series, s2: Modality, s5p: Modality
) -> None:
    """Write the store of ``sites`` (their ids) and log how many have each modality."""
    index = pd.DataFrame({"site_id": sites.to_numpy()})
    index["s2_row"], index["s5p_row"] = s2.rows, s5p.rows
    index["s2_product"] = pd.Series(s2.columns.get("product"), index.index, dtype=object)
    index["s2_time"] = pd.Series(s2.columns.get("time"), index.index, dtype="datetime64[ms, UTC]")
    index["s2_clear"] = pd.Series(s2.columns.get("clear"), index.index, dtype=float)
    arrays = {"s2": s2.values, "s2_mask": s2.mask, "s5p": s5p.values, "s5p_mask": s5p.mask}
    modalities = {"s2": s2, "s5p": s5p}
    held = {name: one.about for name, one in modalities.items() if len(one.values)}
    reasons = {name: one.reason for name, one in modalities.items() if not len(one.values)}
    write_store(out, index, arrays, held, reasons)
    both = ((s2.rows >= 0) & (s5p.rows >= 0)).sum()
    log.info("patches of %d sites: %d have Sentinel-2, %d have Sentinel-5P, %d have both",
             len(index), len(s2.values), len(s5p.values), both)  # fmt: skip
    for name, reason in reasons.items():
        log.info("no %s patches: %s", name, reason)
