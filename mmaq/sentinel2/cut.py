"""Cut a window around each site from the product that is least cloudy over that window."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.base.errors import ProductError
from mmaq.base.geo import in_box
from mmaq.base.pools import working
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
    clear share of the site's best date (missing when no product holds its window; by classes
    alone where that is below what was asked). ``pixel`` is
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
    tile) has the largest clear share: pixels that are clear by the scene classification and that
    every band has. Among equals it is the earliest, then the first by id. The window lies on that
    product's pixel grid, in its coordinate system, the site within half a pixel of its centre. A
    site whose windows all have a clear share below ``min_clear``, or none at all, or that no
    product holds, gets row -1. The result does not depend on ``workers``.

    Raises:
        ArchiveError: the archive has no readable Sentinel-2 collection.
        ProductError: a product is damaged, lacks bands, or differs from the others in pixel size.
    """
    products = read_collection(archive, SENTINEL2)
    rankings, pixel = rank_products(products, sites, size, workers)
    least = max(min_clear, 0.5 / size**2)  # without one clear pixel there is nothing to see
    held = [_Held(ranking[0].share if ranking else np.nan) for ranking in rankings]
    # Bands are read only of products that can still win: no window is clearer than its classes.
    waiting = {
        site: [each for each in ranking if each.share >= least]
        for site, ranking in enumerate(rankings)
    }
    while turn := {site: left.pop(0) for site, left in waiting.items() if left}:
        for site, candidate, values, mask in _read(products, sites, turn, size, workers):
            held[site].offer(candidate, values, mask)
        waiting = {site: held[site].worth(waiting[site]) for site in turn}
    chosen = [site for site, each in enumerate(held) if each.window and each.clear >= least]
    windows = [each.window for each in held if each.window and each.clear >= least]
    values = np.zeros((len(chosen), len(BANDS), size, size), np.uint16)
    mask = np.zeros((len(chosen), size, size), np.uint8)
    for row, window in enumerate(windows):
        values[row], mask[row] = window
    table = _table(sites, products, held, chosen)
    log.info("Sentinel-2 windows: %d of %d sites, from %d products",
             len(chosen), len(sites), table["product"].nunique())  # fmt: skip
    return Windows(values, mask, table, pixel if chosen else np.nan)


@dataclass(frozen=True)
class Candidate:
    """A product for a site: its position, its place among all by time and id, its clear share."""

    product: int
    order: int
    share: float

    @property
    def rank(self) -> tuple[float, int]:
        """The larger, the better."""
        return self.share, -self.order


@dataclass
class _Held:
    """The best window of a site so far; ``clear`` is by classes alone where none was read."""

    clear: float
    window: tuple[np.ndarray, np.ndarray] | None = None
    candidate: Candidate | None = None

    def offer(self, candidate: Candidate, values: np.ndarray, mask: np.ndarray) -> None:
        read = replace(candidate, share=float(mask.mean()))
        if self.candidate is None or read.rank > self.candidate.rank:
            self.clear, self.window, self.candidate = read.share, (values, mask), read

    def worth(self, left: list[Candidate]) -> list[Candidate]:
        """The candidates that may be better yet."""
        assert self.candidate is not None
        return [each for each in left if each.rank > self.candidate.rank]


def _read(
    products: Sequence[Product],
    sites: pd.DataFrame,
    turn: Mapping[int, Candidate],
    size: int,
    workers: int,
) -> Iterator[tuple[int, Candidate, np.ndarray, np.ndarray]]:
    """Of each site the window of one candidate: values and mask as in ``Windows``."""
    members: dict[int, list[int]] = {}
    for site, candidate in turn.items():
        members.setdefault(candidate.product, []).append(site)
    jobs = [
        make_job(products[number], sites, np.array(chosen), size)
        for number, chosen in sorted(members.items())
    ]
    for job, found in zip(jobs, each(_cut, jobs, workers, "Sentinel-2 windows"), strict=True):
        for site, values, mask in zip(job.sites.tolist(), *found, strict=True):
            yield site, turn[site], values, mask


def _cut(job: Job) -> tuple[np.ndarray, np.ndarray]:
    values = np.zeros((len(job.sites), len(BANDS), job.size, job.size), np.uint16)
    mask = np.zeros((len(job.sites), job.size, job.size), np.uint8)
    with Scene(job.product) as scene:
        for i, (row, column, _) in enumerate(zip(*job.starts(scene), strict=True)):
            values[i], valid = scene.read_bands(row, column, job.size)
            mask[i] = valid & scene.read_clear(row, column, job.size)
    return values, mask


def _table(
    sites: pd.DataFrame, products: list[Product], held: list[_Held], chosen: list[int]
) -> pd.DataFrame:
    row = np.full(len(sites), -1, np.int64)
    row[chosen] = np.arange(len(chosen))
    used: list[Product | None] = [None] * len(sites)
    for site in chosen:
        candidate = held[site].candidate
        used[site] = products[candidate.product] if candidate else None
    time = pd.to_datetime([product and product.time for product in used], utc=True)
    return pd.DataFrame(
        {
            "site_id": sites["site_id"].to_numpy(),
            "row": row,
            "product": pd.Series([product and product.id for product in used], dtype=object),
            "time": pd.Series(time).astype("datetime64[ms, UTC]"),
            "clear": [each.clear for each in held],
        }
    )


def rank_products(
    products: Sequence[Product], sites: pd.DataFrame, size: int, workers: int
) -> tuple[list[list[Candidate]], float]:
    """The products whose raster holds each site's window, the clearest by its classes first.

    Only classifications are read, no band. Among equal shares the earliest product comes first,
    then the first by id. The second result is the pixel size in m (NaN: no product meets a site).

    Raises:
        ProductError: a product is damaged, or products differ in pixel size.
    """
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    ordered = sorted(range(len(products)), key=lambda i: (products[i].time, products[i].id))
    places, jobs = [], []
    for order, number in enumerate(ordered):
        near = np.flatnonzero(in_box(products[number].bbox, lon, lat))
        if len(near):
            places.append((number, order))
            jobs.append(make_job(products[number], sites, near, size))
    found: list[list[Candidate]] = [[] for _ in range(len(sites))]
    pixels: dict[float, str] = {}
    results = each(_clear_shares, jobs, workers, "Sentinel-2 clear shares")
    for (number, order), job, (pixel, shares) in zip(places, jobs, results, strict=True):
        pixels.setdefault(pixel, job.product.id)
        for site in np.flatnonzero(np.isfinite(shares)):
            candidate = Candidate(number, order, float(shares[site]))
            found[job.sites[site]].append(candidate)
    if len(pixels) > 1:
        (one, first), (other, second) = list(pixels.items())[:2]
        fault = f"pixels of {other:g} m where {first} has {one:g} m"
        raise ProductError(second, fault, "Keep products of one pixel size in the archive")
    for ranking in found:
        ranking.sort(key=lambda candidate: candidate.rank, reverse=True)
    return found, next(iter(pixels), np.nan)


def _clear_shares(job: Job) -> tuple[float, np.ndarray]:
    shares = np.full(len(job.sites), np.nan)
    with Scene(job.product) as scene:
        for i, (row, column, inside) in enumerate(zip(*job.starts(scene), strict=True)):
            if inside:
                shares[i] = scene.read_clear(row, column, job.size).mean()
        return scene.pixel, shares


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
        with working(ProcessPoolExecutor(min(workers, len(jobs)))) as pool:
            for result in pool.map(function, jobs):
                yield result
                bar.update()
