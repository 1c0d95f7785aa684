"""What an estimator is: fitted to stations, and asked anywhere.

The benchmark fits an estimator to the training stations of a fold and asks the test stations;
`mmaq fit` fits the same object to all stations and writes it, `mmaq predict` asks it at sites.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self, TypeVar

import numpy as np
import pandas as pd

from mmaq.base.errors import Unavailable
from mmaq.contracts.patches import PatchStore
from mmaq.statistics.splits import Fold, Stations, calibration_fold, inner_folds
from mmaq.vocabulary import IMAGES

Shared = TypeVar("Shared")

State = tuple[dict[str, Any], dict[str, np.ndarray]]
"""What a fitted estimator keeps: plain values for JSON, and arrays by name. No code."""


@dataclass(frozen=True)
class Places:
    """Sites in the order of their rows: what the site table knows of them, and their patches.

    What is made of them, as statistics of pixels or embeddings, is made once for all rows and
    shared by every selection of them.

    Attributes:
        table: columns of contract 2, one row a site.
        store: contract 3.
        rows: positions of these places in ``whole``, (n,); None for all of them.
        whole: the places that they were taken from; None for themselves.
        made: results by name, of the whole.
        shared: what estimators of the same stations share, by name.
    """

    table: pd.DataFrame
    store: PatchStore
    rows: np.ndarray | None = None
    whole: Places | None = None
    made: dict[str, np.ndarray] = field(default_factory=dict)
    shared: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def lonlat(self) -> np.ndarray:
        """Longitude and latitude, (n, 2) in degrees."""
        return self.table[["lon", "lat"]].to_numpy(float)

    def take(self, rows: np.ndarray) -> Places:
        """The places at the positions ``rows``."""
        table = self.table.iloc[rows].reset_index(drop=True)
        inside = np.asarray(rows) if self.rows is None else self.rows[rows]
        return replace(self, table=table, rows=inside, whole=self.whole or self)

    def block(self, name: str, make: Callable[[Places], np.ndarray]) -> np.ndarray:
        """What ``make`` makes of the places, one row a place; made once of the whole."""
        if name not in self.made:
            self.made[name] = make(self.whole or self)
        values = self.made[name]
        return values if self.rows is None else values[self.rows]

    def patch_rows(self, modality: str) -> np.ndarray:
        """Named of each place in the store's arrays of ``modality``, (n,); -1 where it has none.

        Raises:
            Unavailable: the store holds no such patches.
        """
        reason = self.store.absence(modality)
        if reason is not None:
            raise Unavailable(f"no {modality} patches: {reason}")

        def find(whole: Places) -> np.ndarray:
            return whole.store.rows(modality, whole.table["site_id"].to_numpy())

        return self.block(f"rows:{modality}", find)

    def require(self, modalities: Iterable[str]) -> None:
        """Check that the store holds the images among ``modalities``; a place has all else.

        Raises:
            Unavailable: names what is missing.
        """
        for name in modalities:
            if name in IMAGES:
                self.patch_rows(name)


@dataclass(frozen=True)
class Training:
    """Stations that an estimator is fitted to; it never holds a test station.

    Attributes:
        places: n stations.
        target: measured concentration, (n,) in ug/m3, or (n, k) of several pollutants, NaN where
            a station does not measure one.
        stations: what a split of them has to respect.
    """

    places: Places
    target: np.ndarray
    stations: Stations

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: np.ndarray) -> Training:
        """The stations at the positions ``rows``."""
        return Training(self.places.take(rows), self.target[rows], self.stations.take(rows))

    def once(self, name: str, make: Callable[[], Shared]) -> Shared:
        """What ``make`` makes of these stations, split so, and their target, once for all
        estimators.

        ``name`` tells what it is, and whatever else decides it.
        """
        rows = b"" if self.places.rows is None else self.places.rows.tobytes()
        decides = rows + self.target.tobytes() + self.stations.fingerprint
        key = f"{name}:{hashlib.sha256(decides).hexdigest()}"
        if key not in self.places.shared:
            self.places.shared[key] = make()
        found: Shared = self.places.shared[key]
        return found

    def inner(self, seed: int) -> list[Fold]:
        """Folds to choose by, separated as the outer ones; raises ``Unavailable``."""
        return inner_folds(self.stations, seed)


class Fitted(ABC):
    """An estimator that has been fitted."""

    kind: ClassVar[str]
    """Name under which its file is read again."""

    @abstractmethod
    def mean(self, places: Places) -> np.ndarray:
        """Expected concentration, (n,) in ug/m3; NaN where a place lacks an image that it reads.

        Raises:
            Unavailable: no place has what it reads.
        """

    def similarity(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """What tells how like the training stations places are: (n, d) features, (d,) weights.

        A weight is the importance of a feature to the estimator, the largest 1.

        Raises:
            Unavailable: no place has what it reads, or the importance of what it reads is unknown.
        """
        raise Unavailable("it does not know how much each input counts")

    @abstractmethod
    def state(self) -> State:
        """What it has learned, without code.

        Raises:
            Unavailable: it rests on what no other place has.
        """

    @classmethod
    @abstractmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of :meth:`state`."""


@dataclass(frozen=True)
class Estimator(ABC):
    """A row of the benchmark before it is fitted.

    Attributes:
        method, protocol, modalities, label_fraction: as in the table.
        plan: "folds" tests every fold in each run, "hold-out" one alone, since a network
            takes minutes.
        calibrated: whether its predictions have 90 % intervals.
    """

    method: str
    protocol: str = "reference"
    modalities: str = ""
    label_fraction: float = 1.0
    plan: Literal["folds", "hold-out"] = "folds"
    calibrated: bool = True

    @abstractmethod
    def fit(self, train: Training, *, seed: int) -> Fitted:
        """Fit to stations.

        Raises:
            Unavailable: they lack what it reads.
        """

    def out_of_fold(self, fitted: Fitted, train: Training, *, seed: int) -> np.ndarray:
        """Predictions at the training stations by models that did not know them, (n,) in ug/m3.

        With a plan of "folds" each of the inner folds is predicted from the others. A "hold-out"
        is trained once more alone, without a fifth of the stations; NaN at the rest.

        Args:
            fitted: to all of ``train``.
            train: n stations.
            seed: of what is drawn.

        Raises:
            Unavailable: they cannot be split, or a part of them lacks what it reads.
        """
        inside = self.plan == "folds"
        folds = train.inner(seed) if inside else [calibration_fold(train.stations, seed)]
        found = np.full(len(train), np.nan)
        for fold in folds:
            known, held = train.take(fold.train), train.take(fold.test)
            found[fold.test] = self.draft.fit(known, seed=seed).mean(held.places)
        return found

    @property
    def draft(self) -> Estimator:
        """What is fitted again and again to be asked out of fold: itself, or a quicker form of it
        that errs alike."""
        return self


def own_target(train: Training) -> np.ndarray:
    """The target that a prediction is compared with, (n,): the first of several."""
    return train.target if train.target.ndim == 1 else train.target[:, 0]
