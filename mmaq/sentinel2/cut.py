"""Cut a window around each site from the product that is least cloudy over that window."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.base.errors import ProductError
from mmaq.contracts.archive import SENTINEL2, Product, read_collection
from mmaq.sentinel2.resample import locate
from mmaq.sentinel2.scene import Scene
from mmaq.vocabulary import BANDS

Result = TypeVar("Result")

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


def least_cloudy(
    products: Sequence[Product], sites: pd.DataFrame, size: int, workers: int
) -> tuple[np.ndarray, np.ndarray]:
    """The product whose window around each site has the largest clear share.

    Only classifications are read, no band. Among equal shares the earliest product wins, then the
    first by id.

    Returns:
        Position in ``products`` (-1: none holds the window) and clear share (NaN) of each site.
    """
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    order = sorted(range(len(products)), key=lambda i: (products[i].time, products[i].id))
    numbers, jobs = [], []
    for number in order:
        held = np.flatnonzero(_inside(products[number].bbox, lon, lat))
        if len(held):
            numbers.append(number)
            jobs.append(make_job(products[number], sites, held, size))
    best = np.full(len(sites), -1)
    clear = np.full(len(sites), np.nan)
    pixels: dict[float, str] = {}
    results = each(_clear_shares, jobs, workers, "Sentinel-2 clear shares")
    for number, job, (pixel, shares) in zip(numbers, jobs, results, strict=True):
        pixels.setdefault(pixel, job.product.id)
        better = shares > np.nan_to_num(clear[job.sites], nan=-1.0)
        best[job.sites[better]], clear[job.sites[better]] = number, shares[better]
    if len(pixels) > 1:
        (one, first), (other, second) = list(pixels.items())[:2]
        fault = f"pixels of {other:g} m where {first} has {one:g} m"
        raise ProductError(second, fault, "Keep products of one pixel size in the archive")
    return best, clear


def _clear_shares(job: Job) -> tuple[float, np.ndarray]:
    shares = np.full(len(job.sites), np.nan)
    with Scene(job.product) as scene:
        for i, (row, column, inside) in enumerate(zip(*job.starts(scene), strict=True)):
            if inside:
                shares[i] = scene.read_clear(row, column, job.size).mean()
        return scene.pixel, shares


def _inside(box: tuple[float, float, float, float], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    west, south, east, north = box
    return (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)


@dataclass(frozen=True)
class Job:
    """Sites to read from one product: positions in the site table, and their coordinates."""

    product: Product
    sites: np.ndarray
    lon: np.ndarray
    lat: np.ndarray
    size: int

    def starts(self, scene: Scene) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First row and column of each site's window, and whether it lies on the raster."""
        return locate(self.lon, self.lat, scene.crs, scene.x, scene.y, self.size)


def make_job(product: Product, sites: pd.DataFrame, positions: np.ndarray, size: int) -> Job:
    """The job that reads the sites at ``positions`` (0-based) from ``product``."""
    lon, lat = (sites[name].to_numpy(float)[positions] for name in ("lon", "lat"))
    return Job(product, positions, lon, lat, size)


def each(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int, what: str
) -> Iterator[Result]:
    """Apply ``function`` to each job; results come in the order of the jobs.

    A single worker stays in this process, so that a debugger sees it.
    """
    with tqdm(total=len(jobs), desc=what, unit="product", disable=None) as bar:
        if workers == 1 or len(jobs) < 2:
            for job in jobs:
                yield function(job)
                bar.update()
            return
        with ProcessPoolExecutor(min(workers, len(jobs))) as pool:
            for result in pool.map(function, jobs):
                yield result
                bar.update()
