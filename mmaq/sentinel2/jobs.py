"""Work on one product at a time, on as many processes as are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.archive import Product
from mmaq.sentinel2.scene import Scene
from mmaq.sentinel2.windows import locate

Result = TypeVar("Result")


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
