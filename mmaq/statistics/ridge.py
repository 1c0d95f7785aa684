"""Inputs of linear models: standardised by statistics of the training stations alone.

Ridge regression in closed form, its penalty chosen by leave-one-out error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmaq.contracts.sites import FEATURES
from mmaq.statistics.splits import Fold

POPULATION = FEATURES.index("population_density")
PENALTIES = np.logspace(-2, 6, 33)
"""Candidates, as multiples of one unit of a standardised feature's square."""
NEGLIGIBLE = 1e-10
"""Directions with less than this share of the largest eigenvalue are rounding noise."""


def linear_features(features: np.ndarray) -> np.ndarray:
    """The eight features with the logarithm of one plus population density, (n, 8).

    Density spans five orders of magnitude, and NO2 follows its logarithm far better.
    """
    unfolded = features.copy()
    unfolded[:, POPULATION] = np.log1p(unfolded[:, POPULATION])
    return unfolded


FARTHEST = 4.0
"""Standard deviations at which a standardised feature is cut, where one odd place would decide too
much: what is fitted goes on beyond where stations have been."""


@dataclass(frozen=True)
class Scaling:
    """How columns become standardised: ``(x - mean) / spread``, (d,) each.

    A missing value becomes 0, the mean, and so does a column without spread.
    """

    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Scaling:
        """That of the known values of each column of (n, d); infinite spread where none varies."""
        values = values.astype(np.float64)
        known = np.isfinite(values)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, values, 0.0).sum(axis=0) / count
        square = np.where(known, np.square(values - mean), 0.0).sum(axis=0) / count
        sd = np.sqrt(square)
        flat = sd <= 1e-9 * np.maximum(np.abs(mean), 1e-9)
        return cls(mean, np.where(flat, np.inf, sd))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardised (n, d) float64."""
        scaled = (values.astype(np.float64) - self.mean) / self.spread
        return np.where(np.isfinite(scaled), scaled, 0.0)


def join_scaling(blocks: Sequence[np.ndarray]) -> Scaling:
    """Scaling of the joined columns of ``blocks``, (n, width), each with the same total variance.

    A ridge penalises every column alike: without it, eight land-use features beside some hundreds
    of embedding dimensions would hardly count.
    """
    widest = max(block.shape[1] for block in blocks)
    parts = [Scaling.of(block) for block in blocks]
    factors = [np.sqrt(widest / block.shape[1]) for block in blocks]
    spreads = [part.spread / factor for part, factor in zip(parts, factors, strict=True)]
    return Scaling(np.hstack([part.mean for part in parts]), np.hstack(spreads))


@dataclass(frozen=True)
class Solution:
    """A ridge regression on n stations, and what it would have been without some of them.

    Attributes:
        weights, intercept: ``intercept + x @ weights``, (d,) and a number.
        left: U of the features, (n, k).
        kept: S^2 / (S^2 + a) of the penalty a that was chosen, (k,).
        fitted: predictions at the stations, (n,).
        target: what was measured there, (n,).
    """

    weights: np.ndarray
    intercept: float
    left: np.ndarray
    kept: np.ndarray
    fitted: np.ndarray
    target: np.ndarray

    def out_of_fold(self, folds: Sequence[Fold]) -> np.ndarray:
        """Predictions at the test stations of each fold from its training stations, (n,).

        Scaling and penalty are those of all stations; NaN at a station that no fold tests. For the
        rows G that a fold does not train on, the errors are (1 - H_GG)^-1 times those of the whole
        fit, H as in :func:`solve_ridge` (An, Liu and Venkatesh 2007, Fast cross-validation
        algorithms for least squares support vector machine and kernel ridge regression, theorem 1).
        """
        size = len(self.target)
        found = np.full(size, np.nan)
        for fold in folds:
            absent = np.setdiff1d(np.arange(size), fold.train)
            rows = self.left[absent]
            influence = (rows * self.kept) @ rows.T + 1 / size
            error = (self.target - self.fitted)[absent]
            error = np.linalg.solve(np.eye(len(absent)) - influence, error)
            tested = np.searchsorted(absent, fold.test)
            found[fold.test] = self.target[fold.test] - error[tested]
        return found


def fit_ridge(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (d,) and intercept of :func:`solve_ridge`."""
    solution = solve_ridge(features, target)
    return solution.weights, solution.intercept


def solve_ridge(features: np.ndarray, target: np.ndarray) -> Solution:
    """The ridge regression of a target (n,) on centred features (n, d).

    With the singular value decomposition X = U S V' the prediction for a penalty a is H y,
    H = U S^2 / (S^2 + a) U' + 1/n, and the leave-one-out error of row i is
    (y_i - H y_i) / (1 - H_ii) exactly (Hastie et al., "The Elements of Statistical Learning",
    section 7.10), so that all penalties cost one decomposition and no station is set apart. The
    decomposition is that of the smaller Gram matrix, some four times as quick; V is not needed, for
    the weights V S / (S^2 + a) U' y are X' U / (S^2 + a) U' y.
    """
    intercept = float(target.mean())
    residual = target - intercept
    left, square = _decompose(features)
    along = left.T @ residual
    kept = square[:, None] / (square[:, None] + PENALTIES)
    leverage = np.square(left) @ kept + 1 / len(target)
    fitted = left @ (kept * along[:, None])
    error = (residual[:, None] - fitted) / np.maximum(1 - leverage, 1e-9)
    best = np.argmin(np.square(error).mean(axis=0))
    weights = features.T @ (left @ (along / (square + PENALTIES[best])))
    return Solution(weights, intercept, left, kept[:, best], intercept + fitted[:, best], target)


def _decompose(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U (n, k) and S^2 (k,) of the directions that carry more than rounding noise."""
    wide = features.shape[1] > features.shape[0]
    values, vectors = np.linalg.eigh(features @ features.T if wide else features.T @ features)
    kept = values > NEGLIGIBLE * max(values[-1], 1e-300)
    values, vectors = values[kept], vectors[:, kept]
    return (vectors if wide else features @ (vectors / np.sqrt(values))), values
