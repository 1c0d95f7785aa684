"""Inputs of linear models: standardised by statistics of the training stations alone.

Ridge regression in closed form, its penalty chosen by leave-one-out error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmaq.contracts.sites import FEATURES

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


def fit_ridge(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (d,) and intercept for centred features (n, d) and a target (n,).

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
    penalty = PENALTIES[np.argmin(np.square(error).mean(axis=0))]
    return features.T @ (left @ (along / (square + penalty))), intercept


def _decompose(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U (n, k) and S^2 (k,) of the directions that carry more than rounding noise."""
    wide = features.shape[1] > features.shape[0]
    values, vectors = np.linalg.eigh(features @ features.T if wide else features.T @ features)
    kept = values > NEGLIGIBLE * max(values[-1], 1e-300)
    values, vectors = values[kept], vectors[:, kept]
    return (vectors if wide else features @ (vectors / np.sqrt(values))), values
