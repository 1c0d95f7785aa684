"""Choose the least cloudy product of each site, by the site's own window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mmaq.archive import Product
from mmaq.errors import ProductError
from mmaq.sentinel2.jobs import Job, each, make_job
from mmaq.sentinel2.scene import Scene


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
