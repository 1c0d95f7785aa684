"""Errors of predictions, of samples and of their resamples.

Concentrations have errors in ug/m3. What is classified or segmented has counts that add up over
samples, the cells of a confusion matrix or numbers of pixels, and metrics of their sums.
"""

from __future__ import annotations

import numpy as np

from mmaq.statistics.intervals import LEVEL
from mmaq.statistics.resamples import Resamples
from mmaq.vocabulary import FUEL_CLASSES

METRICS = ("r2", "mse", "rmse", "mae", "bias")

INTERVAL_METRICS = ("coverage90", "width90", "interval_score90")

CLASS_METRICS = ("accuracy", "macro_f1")

PIXEL_METRICS = ("miou", "foreground_iou")

PIXELS = ("true_positive", "false_positive", "false_negative", "true_negative")


def metrics(target: np.ndarray, prediction: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Metrics of each resample, (..., draws, 5) in the order of ``METRICS``.

    R2 is 1 - SSE/SST with SST about the mean of the drawn targets; ``bias`` is the mean of
    prediction minus target. ``mse`` is in (ug/m3)^2, the other errors are in ug/m3. A draw of
    none of the samples, or of equal targets (where R2 is undefined), gives NaN.

    Args:
        target: measured concentration, (n,) in ug/m3.
        prediction: predicted concentration, (..., n) in ug/m3: of one method or of many.
        resamples: of the n samples.
    """
    error = prediction - target
    # About the plain mean, so that the variance below loses no digits.
    centred = target - target.mean()
    total = resamples.sums(np.ones(len(target)))
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = resamples.sums(np.stack([centred, centred**2])) / total
        bias, mse, mae = resamples.sums(np.stack([error, error**2, np.abs(error)])) / total
        variance = second - first**2
        flat = variance <= 1e-12 * np.maximum(second, 1e-300)
        r2 = np.where(flat, np.nan, 1.0 - mse / variance)
    return np.stack([r2, mse, np.sqrt(mse), mae, bias], axis=-1)


def interval_metrics(
    target: np.ndarray, low: np.ndarray, high: np.ndarray, resamples: Resamples
) -> np.ndarray:
    """Metrics of 90 % intervals in each resample, (..., draws, 3) in the order of the names.

    The share of targets within, the mean width, and the mean interval score (Gneiting and Raftery
    2007, Strictly proper scoring rules, equation 43), the last two in ug/m3. The score is the
    width, and 2 / (1 - level) times what a target outside lies beyond its bound: lower is better,
    and no width that is made up can lower its expectation.

    Args:
        target: measured concentration, (n,) in ug/m3.
        low, high: bounds of the intervals, (..., n) in ug/m3.
        resamples: of the n samples; a draw of none of them gives NaN.
    """
    inside = ((low <= target) & (target <= high)).astype(float)
    beyond = np.maximum(low - target, 0.0) + np.maximum(target - high, 0.0)
    score = high - low + 2.0 / (1.0 - LEVEL) * beyond
    with np.errstate(divide="ignore", invalid="ignore"):
        found = resamples.sums(np.stack([inside, high - low, score])) / resamples.sums(
            np.ones(len(target))
        )
    return np.moveaxis(found, 0, -1)


def confusion_cells(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """A sample a row: its cell of the flattened confusion matrix, (n, 16) of 0 and 1."""
    count = len(FUEL_CLASSES)
    return np.eye(count * count)[truth * count + prediction]


def class_metrics(confusion: np.ndarray) -> np.ndarray:
    """Accuracy and macro-F1, (draws, 2), of flattened confusion matrices (draws, 16).

    Macro-F1 is the plain mean of the classes' F1 over those that are true or predicted anywhere,
    as scikit-learn's.
    """
    count = len(FUEL_CLASSES)
    matrix = confusion.reshape(-1, count, count)
    right = matrix.diagonal(axis1=1, axis2=2)
    both = matrix.sum(axis=1) + matrix.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        accuracy = right.sum(axis=1) / matrix.sum(axis=(1, 2))
        score = np.where(both > 0, 2 * right / both, 0.0)
        macro = score.sum(axis=1) / (both > 0).sum(axis=1)
    return np.column_stack([accuracy, macro])


def count_pixels(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """True positive, false positive, false negative, true negative pixels of each mask, (n, 4)."""
    truth, prediction = truth.astype(bool), prediction.astype(bool)
    parts = (truth & prediction, ~truth & prediction, truth & ~prediction, ~truth & ~prediction)
    return np.stack([part.sum(axis=(1, 2)) for part in parts], axis=1)


def pixel_metrics(pixels: np.ndarray) -> np.ndarray:
    """Mean IoU of both classes and foreground IoU, (draws, 2), of pixel counts (draws, 4).

    Intersection and union are pooled over all pixels of all scenes before they are divided: no
    scene is left out, those without a plume neither. NaN where nothing is plume or taken for one.
    """
    hit, wrong, missed, clear = pixels.T
    with np.errstate(divide="ignore", invalid="ignore"):
        foreground = hit / (hit + wrong + missed)
        background = clear / (clear + wrong + missed)
    return np.column_stack([(foreground + background) / 2, foreground])
