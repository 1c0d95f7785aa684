"""Cut a window around each site from its least cloudy product."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmaq.archive import SENTINEL2, Product, read_collection
from mmaq.patches.store import BANDS
from mmaq.sentinel2.choose import least_cloudy
from mmaq.sentinel2.jobs import Job, each, make_job
from mmaq.sentinel2.scene import Scene

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Windows:
    """Windows cut around sites, first row north.

    ``values`` (n, 12, size, size) uint16 is reflectance x 10000 in BANDS order, offset removed;
    ``mask`` (n, size, size) uint8 is 1 where every band has data and the surface is seen.
    ``table`` has one row a site, in the order of the sites: ``site_id``; ``row`` in the arrays
    (-1 without a window); ``product`` and ``time`` (missing without a window); ``clear``, the
    clear share of the site's best date (missing when no product holds its window). ``pixel`` is
    the pixel size in m (NaN when nothing was cut).
    """

    values: np.ndarray
    mask: np.ndarray
    table: pd.DataFrame
    pixel: float


def cut_windows(
    archive: str | os.PathLike[str], sites: pd.DataFrame, size: int, min_clear: float, workers: int
) -> Windows:
    """Cut a window of ``size`` pixels around each site (columns site_id, lon, lat).

    Of the products whose raster holds the whole window, the one is used whose own window (not the
    tile) has the largest clear share by the scene classification; among equals the earliest, then
    the first by id. The window lies on that product's pixel grid, in its coordinate system, the
    site within half a pixel of its centre. A site whose window has a clear share below
    ``min_clear``, or that no product holds, gets row -1. The result does not depend on
    ``workers``.

    Raises:
        ArchiveError: the archive has no readable Sentinel-2 collection.
        ProductError: a product is damaged, lacks bands, or differs from the others in pixel size.
    """
    products = read_collection(archive, SENTINEL2)
    best, clear = least_cloudy(products, sites, size, workers)
    chosen = np.flatnonzero((best >= 0) & (clear >= min_clear))
    values = np.zeros((len(chosen), len(BANDS), size, size), np.uint16)
    mask = np.zeros((len(chosen), size, size), np.uint8)
    pixel = np.nan
    jobs = [
        make_job(products[number], sites, chosen[best[chosen] == number], size)
        for number in np.unique(best[chosen])
    ]
    for job, result in zip(jobs, each(_cut, jobs, workers, "Sentinel-2 windows"), strict=True):
        rows = np.searchsorted(chosen, job.sites)
        pixel, values[rows], mask[rows] = result
    # A band may lack data where the classification has some, so the share is taken again.
    clear[chosen] = mask.mean(axis=(1, 2))
    kept = clear[chosen] >= min_clear
    if not kept.all():
        chosen, values, mask = chosen[kept], values[kept], mask[kept]
    log.info("Sentinel-2 windows: %d of %d sites, from %d products",
             len(chosen), len(sites), len(np.unique(best[chosen])))  # fmt: skip
    return Windows(values, mask, _table(sites, products, best, clear, chosen), float(pixel))


def _cut(job: Job) -> tuple[float, np.ndarray, np.ndarray]:
    values = np.zeros((len(job.sites), len(BANDS), job.size, job.size), np.uint16)
    mask = np.zeros((len(job.sites), job.size, job.size), np.uint8)
    with Scene(job.product) as scene:
        for i, (row, column, _) in enumerate(zip(*job.starts(scene), strict=True)):
            values[i], valid = scene.read_bands(row, column, job.size)
            mask[i] = valid & scene.read_clear(row, column, job.size)
        return scene.pixel, values, mask


def _table(
    sites: pd.DataFrame,
    products: list[Product],
    best: np.ndarray,
    clear: np.ndarray,
    chosen: np.ndarray,
) -> pd.DataFrame:
    row = np.full(len(sites), -1, np.int64)
    row[chosen] = np.arange(len(chosen))
    used = [products[best[i]] if row[i] >= 0 else None for i in range(len(sites))]
    time = pd.to_datetime([product and product.time for product in used], utc=True)
    return pd.DataFrame(
        {
            "site_id": sites["site_id"].to_numpy(),
            "row": row,
            "product": pd.Series([product and product.id for product in used], dtype=object),
            "time": pd.Series(time).astype("datetime64[ms, UTC]"),
            "clear": clear,
        }
    )
