"""Area of applicability: where a place is so unlike the training stations that a model guesses.

After Meyer and Pebesma 2021 (Predicting into unknown space?, Methods in Ecology and Evolution 12,
1620-1633): the dissimilarity index of a place is its distance to the nearest training station in
standardised features, each weighed by its importance to the model, over the mean distance between
training stations. A place is inside the area of applicability if its index is no larger than
those that cross-validation has met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from mmaq.statistics.ridge import Scaling
from mmaq.statistics.splits import Fold

WHISKER = 1.5
"""Interquartile ranges above the upper quartile beyond which an index of a training station is an
outlier and does not raise the threshold."""


@dataclass(frozen=True)
class Applicability:
    """What the dissimilarity of a place is measured by.

    Attributes:
        scaling: of the features, by the training stations.
        weights: importance of each feature, (d,), not negative.
        stations: scaled and weighed features of n training stations, (n, d).
        mean_distance: between two different training stations, in these features.
        threshold: largest index inside the area of applicability.
    """

    scaling: Scaling
    weights: np.ndarray
    stations: np.ndarray
    mean_distance: float
    threshold: float

    @classmethod
    def of(cls, features: np.ndarray, weights: np.ndarray, folds: Sequence[Fold]) -> Applicability:
        """From training stations.

        Args:
            features: (n, d) in any units, NaN where missing: a missing value is the mean.
            weights: importance of each feature to the model, (d,).
            folds: of the cross-validation whose errors are known; the threshold is the largest
                index of a test station to the training stations of its fold, without outliers.

        Raises:
            ValueError: a weight is negative or none is positive, fewer than two stations, all
                stations are alike, or no fold tests a station.
        """
        weights = np.asarray(weights, dtype=float)
        if (weights < 0).any() or not weights.any():
            raise ValueError("importances must not be negative, nor all be zero")
        if len(features) < 2:
            raise ValueError("a single station has no distance to another")
        scaling = Scaling.of(features)
        stations = scaling.apply(features) * weights
        mean_distance = float(pdist(stations).mean())
        if mean_distance == 0.0:
            raise ValueError("all stations are alike in the features that count")
        tested = [cKDTree(stations[fold.train]).query(stations[fold.test])[0] for fold in folds]
        if not sum(map(len, tested)):
            raise ValueError("no fold tests a station")
        threshold = without_outliers(np.concatenate(tested) / mean_distance)
        return cls(scaling, weights, stations, mean_distance, threshold)

    def state(self) -> dict[str, np.ndarray]:
        """What it holds, as arrays by name."""
        return {
            "mean": self.scaling.mean, "spread": self.scaling.spread, "weights": self.weights,
            "stations": self.stations, "mean_distance": np.array([self.mean_distance]),
            "threshold": np.array([self.threshold]),
        }  # fmt: skip

    @classmethod
    def from_state(cls, arrays: Mapping[str, np.ndarray]) -> Applicability:
        """The inverse of :meth:`state`; raises KeyError."""
        scaling = Scaling(arrays["mean"], arrays["spread"])
        return cls(
            scaling, arrays["weights"], arrays["stations"], float(arrays["mean_distance"][0]),
            float(arrays["threshold"][0]),
        )  # fmt: skip

    def dissimilarity(self, features: np.ndarray) -> np.ndarray:
        """Dissimilarity index of places, (m,), from their features, (m, d) as at training.

        0 at a training station; 1 as far from the nearest as two stations are on average.
        """
        places = self.scaling.apply(features) * self.weights
        return np.asarray(cKDTree(self.stations).query(places)[0]) / self.mean_distance


def without_outliers(values: np.ndarray) -> float:
    """The largest of ``values`` (n,) that is not above the upper whisker of their box plot."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(values[values <= high + WHISKER * (high - low)].max())
