"""How stations are split into training and test sets: outer folds, inner folds, calibration.

Whatever is tested on one side must not be known from the other, at every level alike: a split
inside the training part is separated as the outer one is, so that what is chosen or calibrated
there holds for the same distance to the nearest label as at test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from mmaq.base.errors import Unavailable
from mmaq.base.geo import nearest_km
from mmaq.contracts.sites import OFFICIAL, spatial_block
from mmaq.statistics.knndm import match_folds, region_cells
from mmaq.statistics.labels import block_labels, country_labels, random_labels, unite

INNER = 5
"""Inner folds, over which a method chooses."""
PARTS = 5
"""The calibration part is one in so many."""
FEWEST = 10
"""Stations that keep their labels at least, or all where a training part has fewer."""
STREAM = 1
"""Sets the draws of labels apart from those of the folds, which come from the same seed."""


@dataclass(frozen=True)
class Fold:
    """Positions of the training and of the test stations; they share none."""

    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Stations:
    """What every split of n stations has to respect.

    Attributes:
        places: longitude and latitude, (n, 2) in degrees.
        copies: a number that two stations share if one is a copy of the other, (n,) int.
        groups: what is never split, (n,): the block or country of each station; None where
            single stations are.
        buffer_km: distance between training and test stations.
        wanted_km: distances from test to training stations that folds are matched to, (m,); None
            where they are not.
    """

    places: np.ndarray
    copies: np.ndarray
    groups: np.ndarray | None = None
    buffer_km: float = 0.0
    wanted_km: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.places)

    @property
    def fingerprint(self) -> bytes:
        """The same for stations that are split alike."""
        fields = (self.places, self.copies, self.groups, self.buffer_km, self.wanted_km)
        return repr(
            [None if each is None else np.asarray(each).tolist() for each in fields]
        ).encode()

    @classmethod
    def single(cls, places: np.ndarray) -> Stations:
        """Stations that are split one by one, none a copy of another."""
        return cls(places, np.arange(len(places)))

    def take(self, rows: np.ndarray) -> Stations:
        """The stations at the positions ``rows``."""
        groups = None if self.groups is None else self.groups[rows]
        return replace(self, places=self.places[rows], copies=self.copies[rows], groups=groups)

    def separate(self, fold: Fold) -> Fold:
        """The fold without training stations that are copies of a test station or within the
        buffer (great circle) of one."""
        kept = ~np.isin(self.copies[fold.train], self.copies[fold.test])
        if self.buffer_km > 0.0:
            distance = nearest_km(self.places[fold.test], self.places[fold.train])
            kept &= distance >= self.buffer_km
        return Fold(fold.train[kept], fold.test)


class Repeat(NamedTuple):
    """One of the times that a method is fitted and tested on a split."""

    run: int
    """Its number, from 0."""
    seed: int
    """Of the folds."""
    start: int
    """Seed of what the estimator draws."""
    fold: int | None
    """The hold-out that it is tested on; None: all folds, each in turn."""


def repeats(split: str, seeds: Sequence[int], runs: int, holds_out: bool) -> list[Repeat]:
    """The repeats of a method on ``split``: every seed of the folds and every run takes part.

    A method that is tested on all folds takes folds of the next seed in each repeat; a split that
    has nothing to draw has one seed. A method with a ``holds_out`` plan, whose training costs too
    much to be done on all folds, takes fold i of the first seed in run i: together its runs test
    other stations each.

    Args:
        split: its name.
        seeds: of the folds.
        runs: how many pretrainings, or weights at the start, the method has.
        holds_out: whether one fold is tested in a run.
    """
    fixed = holds_out or split in ("country", "official", "knndm")
    drawn = tuple(seeds[:1] if fixed else seeds)
    count = runs if holds_out else max(runs, len(drawn))
    return [
        Repeat(run, drawn[turn], drawn[turn] + again, run if holds_out else None)
        for run in range(count)
        for again, turn in [divmod(run, len(drawn))]
    ]


def related(
    sites: pd.DataFrame,
    split: str,
    copies: np.ndarray,
    buffer_km: float,
    block_degrees: float,
    together: Sequence[Sequence[str]] = (),
) -> Stations:
    """What ``split`` has to respect of a table of n stations (contract 2).

    "blocks" keeps blocks of ``block_degrees`` whole and ``buffer_km`` between training and test;
    "country" keeps countries whole, each of ``together`` as one; "knndm" matches the distances from
    the cells of the stations' countries (:func:`mmaq.statistics.knndm.region_cells`); the others
    split single stations.

    Raises:
        Unavailable: blocks or matched folds are asked of sites without coordinates.
    """
    stations = Stations(sites[["lon", "lat"]].to_numpy(float), copies)
    if split in ("blocks", "knndm") and np.isnan(stations.places).any():
        raise Unavailable("the sites have no coordinates")
    if split == "knndm":
        cells = region_cells(stations.places, sites["country"].to_numpy(str))
        if not len(cells):
            raise Unavailable("no country has stations that surround a cell")
        return replace(stations, wanted_km=nearest_km(stations.places, cells))
    if split == "blocks":
        blocks = spatial_block(sites["lon"], sites["lat"], block_degrees)
        return replace(stations, groups=blocks.astype(str), buffer_km=buffer_km)
    if split == "country":
        return replace(stations, groups=unite(sites["country"], together).astype(str))
    return stations


def outer_folds(
    sites: pd.DataFrame, split: str, folds: int, stations: Stations, seed: int
) -> list[Fold]:
    """The folds of ``split`` for a table of n stations (contract 2), separated.

    On "official" there is one hold-out, on the others every station is in exactly one test set.

    Raises:
        Unavailable: the stations cannot be split so, for example with one country only.
    """
    if split == "official":
        found = [official_fold(sites[OFFICIAL].to_numpy(float))]
    elif split == "random":
        found = _from_labels(random_labels(len(sites), folds, seed))
    elif split == "knndm":
        found = _from_labels(_matched(stations, folds, seed))
    elif split == "country":
        assert stations.groups is not None
        found = _from_labels(country_labels(stations.groups))
    else:
        assert stations.groups is not None
        found = _from_labels(block_labels(stations.groups, folds, seed))
    kept = [stations.separate(fold) for fold in found]
    if min(len(fold.train) for fold in kept) < 2:
        raise Unavailable(f"a buffer of {stations.buffer_km:g} km leaves no training station")
    return kept


def inner_folds(stations: Stations, seed: int) -> list[Fold]:
    """Five folds of a training part, in which a method chooses, separated as the outer ones.

    Raises:
        Unavailable: the training part cannot be split so.
    """
    # Half a second to import, which splits without folds to choose by need not wait for.
    from sklearn.model_selection import GroupKFold, KFold

    size = len(stations)
    units = size if stations.groups is None else len(np.unique(stations.groups))
    if units < 2:
        raise Unavailable("a training part of one unit leaves nothing to choose by")
    count = min(INNER, units)
    if stations.wanted_km is not None:
        parts = ((fold.train, fold.test) for fold in _from_labels(_matched(stations, count, seed)))
    elif stations.groups is None:
        parts = KFold(count, shuffle=True, random_state=seed).split(np.arange(size))
    else:
        parts = GroupKFold(count).split(np.arange(size), groups=stations.groups)
    kept = [stations.separate(Fold(train, test)) for train, test in parts]
    if min(len(part.train) for part in kept) < 2:
        raise Unavailable(f"a buffer of {stations.buffer_km:g} km leaves nothing to choose by")
    return kept


def calibration_fold(stations: Stations, seed: int) -> Fold:
    """One of five folds of a training part, whose errors calibrate intervals, separated as at test.

    Raises:
        Unavailable: fewer than five stations or groups (ten stations where distances are matched),
            or none is left to train on.
    """
    if stations.wanted_km is not None:
        label = _matched(stations, PARTS, seed)
    elif stations.groups is None:
        label = random_labels(len(stations), PARTS, seed)
    else:
        label = block_labels(stations.groups, PARTS, seed)
    fold = stations.separate(Fold(np.flatnonzero(label != 0), np.flatnonzero(label == 0)))
    if len(fold.train) < 2:
        raise Unavailable(f"a buffer of {stations.buffer_km:g} km leaves nothing to train on")
    return fold


def labelled(count: int, share: float, seed: int) -> np.ndarray:
    """Which of ``count`` training stations keep their labels, the same for every method, (m,).

    The stations of a smaller share are among those of a larger one, so that a learning curve
    adds labels and never changes them. All of them, in their order, where the share is 1.
    """
    if share == 1.0:
        return np.arange(count)
    order = np.random.default_rng([seed, STREAM]).permutation(count)
    return np.sort(order[: max(FEWEST, round(share * count))])


def scene_folds(locations: np.ndarray, labels: np.ndarray, folds: int, seed: int) -> list[Fold]:
    """Folds of scenes such that each place is tested once, of each label in about equal shares.

    Places are shuffled, ordered by their most frequent label, and assigned in turn.

    Args:
        locations: of each scene, (n,).
        labels: what all folds shall have in equal shares, (n,) integers.
        folds: how many.
        seed: of the draw.

    Raises:
        Unavailable: there are fewer places than folds.
    """
    places, place = np.unique(locations, return_inverse=True)
    if len(places) < folds:
        raise Unavailable(f"{len(places)} places cannot make {folds} folds")
    kinds, kind = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(places), len(kinds)))
    np.add.at(votes, (place, kind), 1)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(places))
    ordered = shuffled[np.argsort(votes.argmax(axis=1)[shuffled], kind="stable")]
    fold = np.empty(len(places), dtype=int)
    fold[ordered] = (np.arange(len(places)) - rng.integers(folds)) % folds
    return _from_labels(fold[place])


def official_fold(tested: np.ndarray) -> Fold:
    """The hold-out of the released code: ``tested`` is 1 where a station tests, 0 where not."""
    train, test = np.flatnonzero(tested == 0.0), np.flatnonzero(tested == 1.0)
    if not (len(train) and len(test)):
        raise Unavailable("these data have no split of the released code")
    return Fold(train, test)


def _matched(stations: Stations, folds: int, seed: int) -> np.ndarray:
    assert stations.wanted_km is not None
    return match_folds(stations.places, stations.wanted_km, folds, seed).labels


def _from_labels(labels: np.ndarray) -> list[Fold]:
    return [
        Fold(np.flatnonzero(labels != fold), np.flatnonzero(labels == fold))
        for fold in range(labels.max() + 1)
    ]
