"""Stations that are copies of each other: at one place, or with one image."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from mmaq.base.errors import LeakError
from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors
from mmaq.evaluate.task import Task
from mmaq.statistics.splits import Fold
from mmaq.vocabulary import BANDS

NEAREST_KM = 0.05
"""Nearer stations are at one place: inlets of one site, or one site under two names."""

BAND = BANDS.index("B02")
"""At 10 m: two patches that are equal in it are one patch, and one band is read in no time."""


def find_copies(task: Task) -> np.ndarray:
    """A number for each station, (n,) int, which two stations share that are copies.

    Copies are nearer to each other than 50 m, or have the same Sentinel-2 patch, or are copies of
    a third. Windows of Sentinel-5P do not count: its cells are far wider than the distance of
    neighbours.
    """
    pairs = [*_at_one_place(task.places), *_of_one_image(task)]
    first, second = np.array(pairs, dtype=int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(task.size, task.size))
    return np.asarray(connected_components(graph, directed=False)[1])


def check_fold(task: Task, fold: Fold, copies: np.ndarray) -> None:
    """Check that no test station, and no copy of one, is among the training stations.

    Args:
        task: whose stations are parted.
        fold: positions of the stations.
        copies: of ``find_copies``, (n,).

    Raises:
        LeakError: names a test station and its like in training.
    """
    number_of = dict(zip(copies[fold.train], fold.train, strict=True))
    leaked = [station for station in fold.test if copies[station] in number_of]
    if not leaked:
        return
    both = np.intersect1d(fold.train, fold.test)
    if len(both):
        fault = f"test station {task.site_id[both[0]]!r} is in training"
        raise LeakError(task.dataset, fault, "Give each fold stations of its own")
    copy = task.site_id[number_of[copies[leaked[0]]]]
    fault = f"test station {task.site_id[leaked[0]]!r} has its copy {copy!r} in training"
    raise LeakError(task.dataset, f"{fault} ({len(leaked)} such)", "Leave copies out of training")


def _at_one_place(places: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of stations nearer than 50 m; none where there are no coordinates."""
    if not np.isfinite(places).all():
        return []
    tree = cKDTree(unit_vectors(*places.T))
    return [(int(a), int(b)) for a, b in tree.query_pairs(NEAREST_KM / EARTH_RADIUS_KM)]


def _of_one_image(task: Task) -> list[tuple[int, int]]:
    """Pairs of stations with the same patch; one without any contrast is no evidence."""
    if task.store.absence("s2") is not None:
        return []
    seen: dict[bytes, int] = {}
    pairs = []
    for station, row in enumerate(task.rows("s2")):
        image = task.store.s2[row, BAND]
        if image.min() == image.max():
            continue
        other = seen.setdefault(blake2b(image.tobytes()).digest(), station)
        if other != station:
            pairs.append((other, station))
    return pairs
