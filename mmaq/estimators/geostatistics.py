"""Boosted trees and kriging, weighed in the training part: ``gbm_geo_kriging`` on maps, and
``gbm_context_kriging`` on the surroundings, too."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import lightgbm
import numpy as np
from threadpoolctl import threadpool_limits

from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.features import FEATURE_SETS, coordinates
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


@dataclass(frozen=True, kw_only=True)
class TreesAndKriging(Estimator):
    """Boosted trees on one of ``FEATURE_SETS`` and places, mixed with kriging on both.

    Both learn the square root of the target, whose spread hardly grows with its level. The
    covariance, how both are weighed, and what the square loses of the mean, are chosen by
    out-of-fold predictions at the training stations, split as the outer fold is; the errors of
    the same predictions calibrate.
    """

    features: str = "covariates"

    def fit(self, train: Training, *, seed: int) -> FittedTreesAndKriging:
        """Choose, then fit trees and kriging to all stations."""
        with threadpool_limits(1):
            return _fit(*_choose(self.features, train, seed), train, seed)

    def out_of_fold(self, fitted: Fitted, train: Training, *, seed: int) -> np.ndarray:
        """The predictions by which ``fitted`` was chosen."""
        assert isinstance(fitted, FittedTreesAndKriging)
        assert fitted.inside is not None  # it was fitted here, not read from a file
        return fitted.inside


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
    """Name of the features, their standardisation, covariance, shares of trees and kriging, (2,),
    and what the square root loses of the mean, ug/m3."""

    features: str
    known: KnownFeatures
    covariance: Covariance
    mix: np.ndarray
    lost: float


@dataclass(frozen=True)
class FittedTreesAndKriging(Fitted):
    """Name of the features, trees, kriging, their shares, (2,), and what the square root loses of
    the mean, ug/m3.

    ``inside`` are out-of-fold predictions at the n stations, (n,) in ug/m3; its file has none.
    """

    kind = "trees_and_kriging"

    features: str
    known: KnownFeatures
    field: Known
    grown: list[lightgbm.Booster]
    mix: np.ndarray
    lost: float
    inside: np.ndarray | None = None

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3."""
        with threadpool_limits(1):
            trees = ask(self.grown, _tree_inputs(self.features, places))
            kriged = self.field.mean(_stations(self, places))
        return _join(self.mix, self.lost, np.stack([trees, kriged]))

    def similarity(self, places: Places) -> tuple[np.ndarray, np.ndarray]:
        """Covariates and place, (n, d), and how much each lowers the error of the trees."""
        return _tree_inputs(self.features, places), importance(self.grown)

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
        about = {
            "features": self.features, "covariance": covariance, "centre": self.field.centre,
            "lost": self.lost,
        }  # fmt: skip
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
        grown = from_text(arrays, "trees")
        return cls(about["features"], known, field, grown, arrays["mix"], about["lost"])


def _tree_inputs(features: str, places: Places) -> np.ndarray:
    return np.hstack([FEATURE_SETS[features](places), coordinates(places)])


def _stations(chosen: Chosen | FittedTreesAndKriging, places: Places) -> Stations:
    values = FEATURE_SETS[chosen.features](places)
    return Stations(chosen.known.apply(values), coordinates(places))


def _flag(values: np.ndarray, seen: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    values = values[:, seen]
    return np.hstack([values, np.isnan(values[:, flagged]).astype(float)])


def _choose(features: str, train: Training, seed: int) -> tuple[Chosen, np.ndarray]:
    """What is chosen, and the out-of-fold predictions by which it is, (n,) in ug/m3."""
    values, inputs = FEATURE_SETS[features](train.places), _tree_inputs(features, train.places)
    known = KnownFeatures.of(values)
    stations = Stations(known.apply(values), coordinates(train.places))
    root, folds = np.sqrt(train.target), train.inner(seed)
    covariance = likeliest(stations, root, seed)
    full = covariance.matrix(stations)
    inside = np.empty((2, len(train)))
    for fold in folds:
        grown = grow(inputs[fold.train], root[fold.train], seed, BOOSTED, RUNS)
        inside[0, fold.test] = ask(grown, inputs[fold.test])
        inside[1, fold.test] = krige_within(full, root, fold.train, fold.test)
    mix = _weigh(inside, train.target)
    lost = float(np.mean(train.target - (mix @ inside) ** 2))
    return Chosen(features, known, covariance, mix, lost), _join(mix, lost, inside)


def _fit(chosen: Chosen, inside: np.ndarray, train: Training, seed: int) -> FittedTreesAndKriging:
    root = np.sqrt(train.target)
    kriged = krige(chosen.covariance, _stations(chosen, train.places), root)
    grown = grow(_tree_inputs(chosen.features, train.places), root, seed, BOOSTED, RUNS)
    return FittedTreesAndKriging(
        chosen.features, chosen.known, kriged, grown, chosen.mix, chosen.lost, inside
    )


def _join(mix: np.ndarray, lost: float, roots: np.ndarray) -> np.ndarray:
    """Concentration, (n,) in ug/m3, from roots that trees and kriging predict, (2, n)."""
    return np.maximum((mix @ roots) ** 2 + lost, 0.0)


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
