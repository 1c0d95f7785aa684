"""Kriging with covariates as an estimator: what stations are like, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mmaq.base.errors import Unavailable
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.features import FEATURE_SETS, OF_IMAGES, coordinates, lacks_images
from mmaq.estimators.kriging import (
    Covariance,
    Known,
    Stations,
    fit_covariance,
    krige,
    krige_within,
)
from mmaq.statistics.ridge import FARTHEST, Scaling
from mmaq.statistics.splits import Fold

LIKELIHOOD = 1200
"""Stations, drawn from the training ones, that the covariance is fitted to: the cost grows with
the cube of their number. 1,600 gain no more than folds differ by (docs/evaluation.md). All training
stations take part in the prediction."""


@dataclass(frozen=True, kw_only=True)
class Kriging(Estimator):
    """A Gaussian process on one of ``FEATURE_SETS`` and on places."""

    features: str = "covariates"

    def fit(self, train: Training, *, seed: int) -> FittedKriging:
        """Choose the covariance by likelihood, and condition on all stations."""
        with threadpool_limits(1):
            known = KnownFeatures.of(FEATURE_SETS[self.features](train.places))
            stations = _stations(self.features, known, train.places)
            covariance = train.once(
                f"covariance:{self.features}:{seed}",
                lambda: likeliest(stations, train.target, seed),
            )
            return FittedKriging(self.features, known, krige(covariance, stations, train.target))

    def out_of_fold(self, fitted: Fitted, train: Training, *, seed: int) -> np.ndarray:
        """Each inner fold from the others, under a covariance that its stations had no say in.

        The covariance has a length scale for each feature, some 200 of them: chosen by the stations
        that are asked, it would promise smaller errors than a new place has. The even folds are
        asked under the likeliest one of the odd folds' stations and the other way round, which
        takes two searches where one for each fold would take five.

        Raises:
            Unavailable: the stations cannot be split, or half of them are copies of the others.
        """
        assert isinstance(fitted, FittedKriging)
        stations = fitted.field.stations
        found = np.empty(len(train))
        folds = train.inner(seed)
        with threadpool_limits(1):
            for asked in (folds[0::2], folds[1::2]):
                full = self._covariance_without(asked, stations, train, seed).matrix(stations)
                for fold in asked:
                    found[fold.test] = krige_within(full, train.target, fold.train, fold.test)
        return found

    def _covariance_without(
        self, asked: Sequence[Fold], stations: Stations, train: Training, seed: int
    ) -> Covariance:
        """The likeliest at the stations that are neither tested in ``asked`` nor copies of them."""
        tested = np.concatenate([fold.test for fold in asked])
        rest = np.flatnonzero(~np.isin(train.stations.copies, train.stations.copies[tested]))
        if len(rest) < 2:
            raise Unavailable("copies of stations leave nothing to choose a covariance by")
        return train.once(
            f"covariance:{self.features}:{seed}:{rest.tolist()}",
            lambda: likeliest(stations.take(rest), train.target[rest], seed),
        )


@dataclass(frozen=True)
class KnownFeatures:
    """Covariates of kriging, (n, d): standardised by the training stations, with flags of what is
    missing; columns that no training station knows are left out."""

    seen: np.ndarray
    flagged: np.ndarray
    scaling: Scaling

    @classmethod
    def of(cls, values: np.ndarray) -> KnownFeatures:
        """From the covariates of the training stations."""
        seen = np.isfinite(values).any(axis=0)
        flagged = np.isnan(values[:, seen]).any(axis=0)
        return cls(seen, flagged, Scaling.of(_flag(values, seen, flagged)))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardised, 0 where missing."""
        return self.scaling.apply(_flag(values, self.seen, self.flagged))


@dataclass(frozen=True)
class FittedKriging(Fitted):
    """Name of the features, their standardisation, and the stations with their covariance."""

    kind = "kriging"

    features: str
    known: KnownFeatures
    field: Known

    def mean(self, places: Places) -> np.ndarray:
        """The target at places, (n,) in its unit; NaN where a place lacks an image."""
        with threadpool_limits(1):
            found = self.field.mean(_stations(self.features, self.known, places))
        return np.where(lacks_images([self.features], places), np.nan, found)

    def state(self) -> State:
        """Covariance, stations and their weights."""
        covariance = asdict(self.field.covariance)
        lengths = covariance.pop("lengths")
        arrays = {
            "seen": self.known.seen, "flagged": self.known.flagged,
            "scaling.mean": self.known.scaling.mean, "scaling.spread": self.known.scaling.spread,
            "lengths": lengths, "features": self.field.stations.features,
            "places": self.field.stations.places, "solved": self.field.solved,
        }  # fmt: skip
        about = {
            "features": self.features, "covariance": covariance, "centre": self.field.centre
        }  # fmt: skip
        return about, arrays

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> FittedKriging:
        """The inverse of :meth:`state`."""
        scaling = Scaling(arrays["scaling.mean"], arrays["scaling.spread"])
        known = KnownFeatures(arrays["seen"], arrays["flagged"], scaling)
        covariance = Covariance(arrays["lengths"], **about["covariance"])
        stations = Stations(arrays["features"], arrays["places"])
        field = Known(covariance, stations, arrays["solved"], about["centre"])
        return cls(about["features"], known, field)


def _stations(features: str, known: KnownFeatures, places: Places) -> Stations:
    values = known.apply(FEATURE_SETS[features](places))
    if features in OF_IMAGES:  # whose statistics have odd values; cutting others loses R2
        values = values.clip(-FARTHEST, FARTHEST)
    return Stations(values, coordinates(places))


def _flag(values: np.ndarray, seen: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    values = values[:, seen]
    return np.hstack([values, np.isnan(values[:, flagged]).astype(float)])


def likeliest(stations: Stations, y: np.ndarray, seed: int) -> Covariance:
    """The covariance of ``y``, (n,), at ``LIKELIHOOD`` of the stations, drawn with ``seed``."""
    state = np.random.SeedSequence(seed).generate_state(1)[0]
    drawn = np.random.default_rng(state).permutation(len(y))[:LIKELIHOOD]
    scaled = (y[drawn] - y[drawn].mean()) / (y[drawn].std() or 1.0)
    return fit_covariance(stations.take(drawn), scaled)
