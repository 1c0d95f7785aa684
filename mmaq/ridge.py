"""Ridge regression in closed form, its penalty chosen by leave-one-out error."""

from __future__ import annotations

import numpy as np

PENALTIES = np.logspace(-2, 6, 33)
"""Candidates, as multiples of one unit of a standardised feature's square."""

NEGLIGIBLE = 1e-10
"""Directions with less than this share of the largest eigenvalue are rounding noise."""


def fit_ridge(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (d,) and intercept for centred features (n, d) and a target (n,).

    With the singular value decomposition X = U S V' the prediction for a penalty a is H y,
    H = U S^2 / (S^2 + a) U' + 1/n, and the leave-one-out error of row i is
    (y_i - H y_i) / (1 - H_ii) exactly (Hastie et al., "The Elements of Statistical Learning",
    section 7.10), so that all penalties cost one decomposition and no station is set apart. The
    decomposition is that of the smaller Gram matrix, some four times as quick.
    """
    intercept = float(target.mean())
    residual = target - intercept
    left, scale, right = _decompose(features)
    along = left.T @ residual
    best = (np.inf, float(PENALTIES[-1]))
    for penalty in PENALTIES:
        shrink = scale**2 / (scale**2 + penalty)
        leverage = (left**2) @ shrink + 1 / len(target)
        error = (residual - left @ (shrink * along)) / np.maximum(1 - leverage, 1e-9)
        best = min(best, (float(np.square(error).mean()), float(penalty)))
    return right @ (scale / (scale**2 + best[1]) * along), intercept


def _decompose(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """U (n, k), S (k,) and V (d, k) of the directions that carry more than rounding noise."""
    wide = features.shape[1] > features.shape[0]
    gram = features @ features.T if wide else features.T @ features
    values, vectors = np.linalg.eigh(gram)
    kept = values > NEGLIGIBLE * max(values[-1], 1e-300)
    scale, vectors = np.sqrt(values[kept]), vectors[:, kept]
    other = (features.T if wide else features) @ vectors / scale
    return (vectors, scale, other) if wide else (other, scale, vectors)
