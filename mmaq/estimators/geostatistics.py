"""The reference ``gbm_geo_kriging``: boosted trees and kriging, weighed in the training part."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import lightgbm
import numpy as np
from threadpoolctl import threadpool_limits

from mmaq.base.errors import Unavailable
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.features import coordinates, covariates
from mmaq.estimators.kriging import (
    Covariance,
    Known,
    Stations,
    fit_covariance,
    krige,
    krige_within,
)
from mmaq.estimators.trees import ask, from_text, grow, importance, text_of
from mmaq.statistics.ridge import Scaling
from mmaq.statistics.splits import Fold, calibration_fold

BOOSTED: dict[str, Any] = {
    "learning_rate": 0.08, "num_iterations": 150, "num_leaves": 15, "min_data_in_leaf": 10,
    "feature_fraction_bynode": 0.4, "lambda_l2": 1.0,
}  # fmt: skip
RUNS = 2
"""Runs of the trees, each with draws of its own, whose predictions are averaged."""
LIKELIHOOD = 600
"""Stations, drawn from those to choose by, that the covariance is fitted to: the cost grows with
the cube of their number. All training stations take part in the prediction."""
WEIGHTS = np.linspace(0.0, 1.0, 21)


@dataclass(frozen=True)
class TreesAndKriging(Estimator):
    """Boosted trees on covariates and places, mixed with kriging on both.

    Both learn the square root of the target, whose spread hardly grows with its level. The
    covariance, how both are weighed, and what the square loses of the mean, are chosen once, from
    the training stations that do not calibrate intervals, and by out-of-fold predictions there,
    split as the outer fold is. The second model, whose errors calibrate, keeps what was chosen:
    nothing in it knows a measurement of the stations that it is asked at.
    """

    def fit(self, train: Training, *, seed: int) -> FittedTreesAndKriging:
        """Choose, then fit trees and kriging to all stations."""
        with threadpool_limits(1):
            return _fit(_choose(*_to_choose_by(train, seed), seed), train, seed)

    def fit_again(self, fitted: Fitted, train: Training, *, seed: int) -> FittedTreesAndKriging:
        """Fit trees and kriging to the stations among which ``fitted`` was chosen."""
        assert isinstance(fitted, FittedTreesAndKriging)
        train.inner(seed)  # where these could not be split, it was chosen among all stations
        with threadpool_limits(1):
            return _fit(fitted.chosen, train, seed)


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
class Chosen:
    """Standardisation, covariance, shares of trees and kriging, (2,), and what the square root
    loses of the mean, ug/m3."""

    known: KnownFeatures
    covariance: Covariance
    mix: np.ndarray
    lost: float


@dataclass(frozen=True)
class FittedTreesAndKriging(Fitted):
    """Trees, kriging, their shares, (2,), and what the square root loses of the mean, ug/m3."""

    kind = "trees_and_kriging"

    known: KnownFeatures
    field: Known
    grown: list[lightgbm.Booster]
    mix: np.ndarray
    lost: float

    @property
    def chosen(self) -> Chosen:
        """What was chosen before trees and kriging were fitted."""
        return Chosen(self.known, self.field.covariance, self.mix, self.lost)

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3."""
        with threadpool_limits(1):
            trees = ask(self.grown, _tree_inputs(places))
            field = self.field.mean(_stations(self.known, places))
        return np.maximum((self.mix @ np.stack([trees, field])) ** 2 + self.lost, 0.0)

    def similarity(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """Covariates and place, (n, d), and how much each lowers the error of the trees."""
        return _tree_inputs(places), importance(self.grown)

    def state(self) -> State:
        """Trees as text, covariance, stations and their weights."""
        covariance = {
            name: value
            for name, value in asdict(self.field.covariance).items()
            if name != "lengths"
        }
        arrays = {
            "seen": self.known.seen, "flagged": self.known.flagged, "mix": self.mix,
            "scaling.mean": self.known.scaling.mean, "scaling.spread": self.known.scaling.spread,
            "lengths": self.field.covariance.lengths, "features": self.field.stations.features,
            "places": self.field.stations.places, "solved": self.field.solved,
        }  # fmt: skip
        about = {"covariance": covariance, "centre": self.field.centre, "lost": self.lost}
        return about, {**arrays, **text_of(self.grown, "trees")}

    @classmethod
    def from_state(
        cls, about: dict[str, Any], arrays: dict[str, np.ndarray]
    ) -> FittedTreesAndKriging:
        """The inverse of :meth:`state`."""
        scaling = Scaling(arrays["scaling.mean"], arrays["scaling.spread"])
        known = KnownFeatures(arrays["seen"], arrays["flagged"], scaling)
        covariance = Covariance(arrays["lengths"], **about["covariance"])
        stations = Stations(arrays["features"], arrays["places"])
        field = Known(covariance, stations, arrays["solved"], about["centre"])
        return cls(known, field, from_text(arrays, "trees"), arrays["mix"], about["lost"])


def _tree_inputs(places: Places) -> np.ndarray:
    return np.hstack([covariates(places), coordinates(places)])


def _stations(known: KnownFeatures, places: Places) -> Stations:
    return Stations(known.apply(covariates(places)), coordinates(places))


def _flag(values: np.ndarray, seen: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    values = values[:, seen]
    return np.hstack([values, np.isnan(values[:, flagged]).astype(float)])


def _to_choose_by(train: Training, seed: int) -> tuple[Training, list[Fold]]:
    """The stations to choose by and their folds: those that do not calibrate, else all."""
    try:
        part = train.take(calibration_fold(train.stations, seed).train)
        return part, part.inner(seed)
    except Unavailable:
        return train, train.inner(seed)


def _choose(train: Training, folds: list[Fold], seed: int) -> Chosen:
    known = KnownFeatures.of(covariates(train.places))
    stations, inputs = _stations(known, train.places), _tree_inputs(train.places)
    root = np.sqrt(train.target)
    covariance = likeliest(stations, root, seed)
    full = covariance.matrix(stations)
    inside = np.empty((2, len(train)))
    for fold in folds:
        grown = grow(inputs[fold.train], root[fold.train], seed, BOOSTED, RUNS)
        inside[0, fold.test] = ask(grown, inputs[fold.test])
        inside[1, fold.test] = krige_within(full, root, fold.train, fold.test)
    mix = _weigh(inside, train.target)
    return Chosen(known, covariance, mix, float(np.mean(train.target - (mix @ inside) ** 2)))


def _fit(chosen: Chosen, train: Training, seed: int) -> FittedTreesAndKriging:
    root = np.sqrt(train.target)
    field = krige(chosen.covariance, _stations(chosen.known, train.places), root)
    grown = grow(_tree_inputs(train.places), root, seed, BOOSTED, RUNS)
    return FittedTreesAndKriging(chosen.known, field, grown, chosen.mix, chosen.lost)


def likeliest(stations: Stations, y: np.ndarray, seed: int) -> Covariance:
    """The covariance of ``y``, (n,), at ``LIKELIHOOD`` of the stations, drawn with ``seed``."""
    state = np.random.SeedSequence(seed).generate_state(RUNS)[0]
    drawn = np.random.default_rng(state).permutation(len(y))[:LIKELIHOOD]
    scaled = (y[drawn] - y[drawn].mean()) / (y[drawn].std() or 1.0)
    return fit_covariance(stations.take(drawn), scaled)


def _weigh(inside: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Shares of trees and kriging, (2,), with the smallest squared error of the target."""
    mixes = np.column_stack([WEIGHTS, 1.0 - WEIGHTS])
    errors = target - (mixes @ inside) ** 2
    return np.asarray(mixes[np.argmin(errors.var(axis=1))])
