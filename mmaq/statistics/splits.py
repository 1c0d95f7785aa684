"""Split-conformal intervals: how far a prediction may be off, from stations it was not fitted to.

A second model is fitted without a fifth of the training part, its calibration part; the interval's
half width is a quantile of the errors there (Lei et al. 2018, Distribution-free predictive
inference for regression, algorithm 2). Where a split leaves out whole blocks or countries, so does
the calibration part: its stations are then as far from their neighbours as test stations are.

Stations that are copies of each other: at one place, or with one image.

Folds inside the training part of a fold, for whatever a method has to choose.

Label efficiency: which training stations keep their labels when only a share does.

How stations are parted into training and test sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from sklearn.model_selection import GroupKFold, KFold

from mmaq.base.errors import Unavailable
from mmaq.base.geo import EARTH_RADIUS_KM, unit_vectors
from mmaq.contracts.sites import OFFICIAL

PARTS = 5
"""The calibration part is one in so many."""


def calibration_fold(fold: Fold, seed: int) -> Fold:
    """A fold inside the training part of ``fold``, split as that was; its test part calibrates.

    Raises:
        Unavailable: fewer than five stations or groups to part.
    """
    if fold.groups is None:
        label = random_labels(len(fold.train), PARTS, seed)
    else:
        label = block_labels(fold.groups, PARTS, seed)
    inside = label != 0
    groups = None if fold.groups is None else fold.groups[inside]
    return Fold(fold.train[inside], fold.train[~inside], groups)


def leave_copies(fold: Fold, copies: np.ndarray) -> Fold:
    """The fold without training stations that are copies of a test station."""
    kept = ~np.isin(copies[fold.train], copies[fold.test])
    groups = None if fold.groups is None else fold.groups[kept]
    return replace(fold, train=fold.train[kept], groups=groups)


INNER = 5


def inner_folds(fold: Fold, places: np.ndarray, seed: int) -> list[Fold]:
    """Parts of ``fold.train`` that are tested in turn, as positions in it.

    They are parted as the fold itself is: single stations, or whole blocks or countries, with the
    fold's buffer between, so that a choice made on them is made for the same distances to the
    nearest label as at test. ``places``, (n, 2) in degrees, is read where there is a buffer.

    Raises:
        Unavailable: the training part cannot be parted so.
    """
    units = np.arange(len(fold.train)) if fold.groups is None else np.unique(fold.groups)
    if len(units) < 2:
        raise Unavailable("a training part of one unit leaves nothing to choose by")
    count = min(INNER, len(units))
    if fold.groups is None:
        parts = KFold(count, shuffle=True, random_state=seed).split(fold.train)
    else:
        parts = GroupKFold(count).split(fold.train, groups=fold.groups)
    folds = [Fold(train, test) for train, test in parts]
    if fold.buffer_km == 0.0:
        return folds
    lon, lat = places[fold.train].T
    kept = [Fold(leave_buffer(part, lon, lat, fold.buffer_km), part.test) for part in folds]
    if min(len(part.train) for part in kept) < 2:
        raise Unavailable(f"a buffer of {fold.buffer_km:g} km leaves nothing to choose by")
    return kept


FEWEST = 10
"""Stations that keep their labels at least, or all where a training part has fewer."""

STREAM = 1
"""Sets these draws apart from those of the folds, which come from the same seed."""


def labelled(fold: Fold, share: float, seed: int) -> np.ndarray:
    """A random share of the training stations, the same for every method, (m,) positions.

    The stations of a smaller share are among those of a larger one, so that a learning curve adds
    labels and never changes them. All of them, in their order, where the share is 1.
    """
    if share == 1.0:
        return fold.train
    order = np.random.default_rng([seed, STREAM]).permutation(len(fold.train))
    return np.sort(fold.train[order[: max(FEWEST, round(share * len(fold.train)))]])


DRAWS = 20


@dataclass(frozen=True)
class Fold:
    """Positions of the training and of the test stations; they share none."""

    train: np.ndarray
    test: np.ndarray
    groups: np.ndarray | None = None
    """Of each training station, what a split inside the training part must not part: its block or
    its country, as the split itself does not; None where it parts single stations."""
    buffer_km: float = 0.0
    """Distance that the split keeps between training and test stations."""


def split_seeds(split: str, seeds: Sequence[int]) -> tuple[int, ...]:
    """Seeds that a split is run with: one where it has nothing to draw."""
    return tuple(seeds[:1]) if split in ("country", "official") else tuple(seeds)


def make_folds(
    sites: pd.DataFrame,
    split: str,
    folds: int,
    buffer_km: float,
    seed: int,
    together: Sequence[Sequence[str]] = (),
) -> list[Fold]:
    """The folds of ``split`` for a table of n stations (contract 2).

    On "random", "blocks" and "country" every station is in exactly one test set; "official" is one
    hold-out. On "blocks", training stations nearer than ``buffer_km`` to a test station are left
    out. On "country", each of ``together`` is left out as one.

    Raises:
        Unavailable: the stations cannot be parted so, for example with one country only.
    """
    if split == "official":
        return [official_fold(sites[OFFICIAL].to_numpy(float))]
    if split == "random":
        return _from_labels(random_labels(len(sites), folds, seed))
    if split == "country":
        country = unite(sites["country"], together)
        return [_grouped(fold, country) for fold in _from_labels(country_labels(country))]
    block = sites["block"].to_numpy()
    lon, lat = sites["lon"].to_numpy(float), sites["lat"].to_numpy(float)
    kept = []
    for fold in _from_labels(block_labels(block, folds, seed)):
        train = leave_buffer(fold, lon, lat, buffer_km)
        kept.append(_grouped(Fold(train, fold.test, buffer_km=buffer_km), block))
    if min(len(fold.train) for fold in kept) < 2:
        raise Unavailable(f"a buffer of {buffer_km:g} km leaves no training station")
    return kept


def official_fold(tested: np.ndarray) -> Fold:
    """The hold-out of the released code: ``tested`` is 1 where a station tests, 0 where not."""
    train, test = np.flatnonzero(tested == 0.0), np.flatnonzero(tested == 1.0)
    if not (len(train) and len(test)):
        raise Unavailable("these data have no split of the released code")
    return Fold(train, test)


def random_labels(count: int, folds: int, seed: int) -> np.ndarray:
    """Fold of each of ``count`` stations, drawn at random; sizes differ by at most one."""
    if count < folds:
        raise Unavailable(f"{count} stations cannot make {folds} folds")
    labels = np.empty(count, dtype=int)
    labels[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    return labels


def block_labels(block: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of each station such that whole blocks share one, (n,).

    Blocks come in random order, each to the fold with fewest stations; the most even of several
    such draws is taken, because one large block drawn late would tip the balance.
    """
    names, member, sizes = np.unique(block.astype(str), return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise Unavailable(f"{len(names)} blocks cannot make {folds} folds")
    rng = np.random.default_rng(seed)
    draws = [_fill_folds(sizes, folds, rng) for _ in range(DRAWS)]
    best = min(draws, key=lambda labels: np.bincount(labels, sizes, folds).max())
    return best[member]


def _fill_folds(sizes: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    labels, load = np.empty(len(sizes), dtype=int), np.zeros(folds)
    for position in rng.permutation(len(sizes)):
        labels[position] = np.argmin(load)
        load[labels[position]] += sizes[position]
    return labels


def unite(country: pd.Series, together: Sequence[Sequence[str]]) -> np.ndarray:
    """The country of each station, (n,), those of ``together`` under one name ("GB+IE")."""
    names = {name: "+".join(union) for union in together for name in union}
    return np.asarray(country.map(lambda name: names.get(name, name)), dtype=object)


def country_labels(country: np.ndarray) -> np.ndarray:
    """One fold a country, (n,); the country with most stations is fold 0, ties by name."""
    names, member, sizes = np.unique(country.astype(str), return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise Unavailable(f"all stations are in one country ({names[0]})")
    rank = np.empty(len(names), dtype=int)
    rank[np.lexsort((names, -sizes))] = np.arange(len(names))
    return rank[member]


def leave_buffer(fold: Fold, lon: np.ndarray, lat: np.ndarray, buffer_km: float) -> np.ndarray:
    """Training stations at least ``buffer_km`` (great circle) from every test station."""
    position = unit_vectors(lon, lat)
    chord, _ = cKDTree(position[fold.test]).query(position[fold.train])
    distance = 2.0 * EARTH_RADIUS_KM * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0))
    return fold.train[distance >= buffer_km]


def _grouped(fold: Fold, labels: np.ndarray) -> Fold:
    return replace(fold, groups=labels[fold.train].astype(str))


def _from_labels(labels: np.ndarray) -> list[Fold]:
    return [
        Fold(np.flatnonzero(labels != fold), np.flatnonzero(labels == fold))
        for fold in range(labels.max() + 1)
    ]
