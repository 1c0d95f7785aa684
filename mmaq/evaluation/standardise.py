"""Inputs of linear models: standardised by statistics of the training stations alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmaq.ridge import fit_ridge
from mmaq.sites import FEATURES

POPULATION = FEATURES.index("population_density")


def linear_features(features: np.ndarray) -> np.ndarray:
    """The eight features with the logarithm of one plus population density, (n, 8).

    Density spans five orders of magnitude, and NO2 follows its logarithm far better.
    """
    unfolded = features.copy()
    unfolded[:, POPULATION] = np.log1p(unfolded[:, POPULATION])
    return unfolded


def standardise(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Zero mean and unit variance over the rows ``train``; (n, d) float64.

    A missing value becomes 0, the training mean, and so does a column without spread there.
    """
    values = values.astype(np.float64)
    known = np.isfinite(values[train])
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values[train], 0.0).sum(axis=0) / count
    square = np.where(known, np.square(values[train] - mean), 0.0).sum(axis=0) / count
    sd = np.sqrt(square)
    flat = sd <= 1e-9 * np.maximum(np.abs(mean), 1e-9)
    scaled = (values - mean) / np.where(flat, 1.0, sd)
    return np.where(flat | ~np.isfinite(scaled), 0.0, scaled)


def join_blocks(blocks: Sequence[np.ndarray], train: np.ndarray) -> np.ndarray:
    """Standardise each modality's features and join them, all modalities with equal variance.

    A ridge penalises every column alike: without the scaling, eight land-use features beside some
    hundreds of embedding dimensions would hardly be heard.
    """
    widest = max(block.shape[1] for block in blocks)
    return np.hstack(
        [standardise(block, train) * np.sqrt(widest / block.shape[1]) for block in blocks]
    )


def predict_ridge(
    features: np.ndarray, target: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Fit on the rows ``train`` of standardised features (n, d), predict the rows ``test``."""
    weights, intercept = fit_ridge(features[train], target[train])
    return features[test] @ weights + intercept
