"""Ridge regression in closed form, its penalty chosen by leave-one-out error."""

from __future__ import annotations

import numpy as np

PENALTIES = np.logspace(-2, 6, 33)
"""Candidates, as multiples of one unit of a standardised feature's square."""


def fit_ridge(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (d,) and intercept for centred features (n, d) and a target (n,).

    With the singular value decomposition X = U S V' the prediction for a penalty a is H y,
    H = U S^2 / (S^2 + a) U' + 1/n, and the leave-one-out error of row i is
    (y_i - H y_i) / (1 - H_ii) exactly (Hastie et al., "The Elements of Statistical Learning",
    section 7.10), so that all penalties cost one decomposition and no station is set apart.
    """
    intercept = float(target.mean())
    left, scale, right = np.linalg.svd(features, full_matrices=False)
    along = left.T @ (target - intercept)
    best = (np.inf, PENALTIES[-1])
    for penalty in PENALTIES:
        shrink = scale**2 / (scale**2 + penalty)
        residual = target - intercept - left @ (shrink * along)
        leverage = (left**2) @ shrink + 1 / len(target)
        error = float(np.square(residual / np.maximum(1 - leverage, 1e-9)).mean())
        best = min(best, (error, penalty))
    weights = right.T @ (scale / (scale**2 + best[1]) * along)
    return weights, intercept
