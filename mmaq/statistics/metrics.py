"""Errors of a prediction, for weighted stations: weights are how often a resample drew each."""

from __future__ import annotations

import numpy as np

METRICS = ("r2", "mse", "rmse", "mae", "bias")

INTERVAL_METRICS = ("coverage90", "width90")


def metrics(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted metrics, (draws, 5) in the order of ``METRICS``.

    R2 is 1 - SSE/SST with SST about the weighted mean of the target; ``bias`` is the mean of
    prediction minus target. ``mse`` is in (ug/m3)^2, the other errors are in ug/m3. A draw that
    weighs nothing, or only equal targets (where R2 is undefined), gives NaN.

    Args:
        target: measured concentration, (n,) in ug/m3.
        prediction: predicted concentration, (n,) in ug/m3.
        weights: (draws, n), non-negative.
    """
    error = prediction - target
    # About the plain mean, so that the variance below loses no digits.
    centred = target - target.mean()
    moments = np.column_stack([centred, centred**2, error, error**2, np.abs(error)])
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second, bias, mse, mae = (weights @ moments / total[:, None]).T
        variance = second - first**2
        flat = variance <= 1e-12 * np.maximum(second, 1e-300)
        r2 = np.where(flat, np.nan, 1.0 - mse / variance)
    return np.column_stack([r2, mse, np.sqrt(mse), mae, bias])


def interval_metrics(
    target: np.ndarray, prediction: np.ndarray, radius: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Weighted share of targets within their intervals and mean width in ug/m3, (draws, 2).

    Args:
        target: measured concentration, (n,) in ug/m3.
        prediction: middle of the interval, (n,) in ug/m3.
        radius: half of its width, (n,) in ug/m3.
        weights: (draws, n), non-negative; a draw that weighs nothing gives NaN.
    """
    inside = (np.abs(prediction - target) <= radius).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return weights @ np.column_stack([inside, 2.0 * radius]) / weights.sum(axis=1)[:, None]
