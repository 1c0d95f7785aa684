"""What a satellite needs of a world, and how the world is shared with worker processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from affine import Affine
from tqdm import tqdm

Task = TypeVar("Task")
Result = TypeVar("Result")


class Scenery(Protocol):
    """The part of a world that can be seen from orbit. Coordinates are UTM zone 32 N, metres."""

    sites: pd.DataFrame

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        ...

    def cover(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Land-cover fractions at points: (n, len(COVER)), summing to 1, at 10 m detail."""
        ...

    def greenness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Vigour of the vegetation at points: (n,), 0 to 1."""
        ...

    def elevation(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height above sea at points: (n,) m."""
        ...

    def column(self, day: date) -> tuple[np.ndarray, Affine]:
        """Tropospheric NO2 column of a day, mol/m2, first row north, and its transform."""
        ...

    def wind(self, day: date) -> tuple[float, float]:
        """Eastward and northward wind of a day, m/s."""
        ...


def rng_of(*key: int) -> np.random.Generator:
    """A generator that depends on its key alone, so that no order of work changes a draw."""
    return np.random.default_rng(np.random.SeedSequence(key))


_shared: Any = None


def _share(value: Any) -> None:
    global _shared
    _shared = value


def _call(job: tuple[Callable[[Any, Any], Any], Any]) -> Any:
    function, task = job
    return function(_shared, task)


def over_workers(
    function: Callable[[Any, Task], Result],
    shared: Any,
    tasks: Sequence[Task],
    workers: int,
    about: str,
) -> list[Result]:
    """``[function(shared, task) for task in tasks]`` on ``workers`` processes, in task order.

    ``shared`` (it holds the world, which is large) goes to each process once: by fork where the
    system has it, else by pickling. ``function`` must be a module's own, so that it can be found.
    """

    def seen(results: Iterable[Result]) -> Iterator[Result]:
        return iter(tqdm(results, desc=about, total=len(tasks), disable=None))

    if workers <= 1 or len(tasks) <= 1:
        return list(seen(function(shared, task) for task in tasks))
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    with ProcessPoolExecutor(workers, context, _share, (shared,)) as pool:
        return list(seen(pool.map(_call, [(function, task) for task in tasks])))
