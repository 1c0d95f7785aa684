"""Metrics of both tasks from counts that add up over scenes, and their bootstrap over locations.

Each scene is a row of counts: for the fuel its cell of the confusion matrix, for the plume its true
positive, false positive, false negative and true negative pixels. A sum over scenes, weighted by
how often a resample drew their location, has all that the metrics need.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mmaq.statistics.bootstrap import Estimate, bounds, draw_weights
from mmaq.transfer.labels import CLASSES

FUEL_METRICS = ("accuracy", "macro_f1")

PLUME_METRICS = ("miou", "foreground_iou")

PIXELS = ("true_positive", "false_positive", "false_negative", "true_negative")

Metrics = Callable[[np.ndarray], np.ndarray]


def confusion_cells(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """One scene a row: its cell of the flattened confusion matrix, (n, 16) of 0 and 1."""
    count = len(CLASSES)
    return np.eye(count * count)[truth * count + prediction]


def fuel_metrics(confusion: np.ndarray) -> np.ndarray:
    """Accuracy and macro-F1, (draws, 2), of flattened confusion matrices (draws, 16).

    Macro-F1 is the plain mean of the classes' F1 over those that are true or predicted anywhere,
    as scikit-learn's.
    """
    count = len(CLASSES)
    matrix = confusion.reshape(-1, count, count)
    right = matrix.diagonal(axis1=1, axis2=2)
    both = matrix.sum(axis=1) + matrix.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        accuracy = right.sum(axis=1) / matrix.sum(axis=(1, 2))
        score = np.where(both > 0, 2 * right / both, 0.0)
        macro = score.sum(axis=1) / (both > 0).sum(axis=1)
    return np.column_stack([accuracy, macro])


def plume_metrics(pixels: np.ndarray) -> np.ndarray:
    """Mean IoU of both classes and foreground IoU, (draws, 2), of pixel counts (draws, 4).

    Intersection and union are pooled over all pixels of all scenes before they are divided: no
    scene is left out, those without a plume neither. NaN where nothing is plume or taken for one.
    """
    hit, wrong, missed, clear = pixels.T
    with np.errstate(divide="ignore", invalid="ignore"):
        foreground = hit / (hit + wrong + missed)
        background = clear / (clear + wrong + missed)
    return np.column_stack([(foreground + background) / 2, foreground])


def estimate(
    runs: dict[int, tuple[np.ndarray, np.ndarray]],
    names: tuple[str, ...],
    metrics: Metrics,
    draws: int,
) -> Estimate:
    """The mean over seeds of each metric, and its 95 % interval over locations.

    Args:
        runs: by seed, the locations of its test scenes (n,) and their counts (n, k).
        names: of the m metrics.
        metrics: (draws, k) sums to (draws, m).
        draws: number of resamples. A location is drawn with all its scenes, of all seeds.
    """  # fmt: skip
    places = np.unique(np.concatenate([location for location, _ in runs.values()]))
    weights = draw_weights(places, draws)
    values, resampled = [], []
    for location, counts in runs.values():
        by_place = pd.DataFrame(counts).groupby(location).sum().reindex(places, fill_value=0)
        values.append(metrics(by_place.to_numpy(float).sum(axis=0, keepdims=True))[0])
        resampled.append(metrics(weights @ by_place.to_numpy(float)))
    low, high = bounds(np.mean(resampled, axis=0))
    return Estimate(names, np.mean(values, axis=0), low, high)
