"""The reference ``mosaiks``: random convolutional features of Sentinel-2, the column, and a ridge.

Rolf et al., "A generalizable and accessible approach to machine learning with global satellite
imagery" (Nature Communications 12, 4392, 2021): filters are small patches of images, drawn at
random and whitened; an image is described by how strongly each filter answers to it on average.
No label and no gradient is needed. What pretraining gives beyond it is worth pretraining for. The
column comes as the four numbers that ``gbm_pixels`` reads of it: of its smooth windows the filters
are all but one, and a ridge on their answers is wild where the column is higher than in training.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import conv2d, relu

from mmaq.contracts.patches import open_store
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training
from mmaq.estimators.features import column
from mmaq.statistics.ridge import Scaling, Solution, join_scaling, solve_ridge
from mmaq.vocabulary import IMAGES

SIDE = 3
"""Of a filter, in pixels or cells; theirs."""
FILTERS = 512
"""How many; each gives two features. Theirs are 8,192 on images of 256 pixels a side."""
THRESHOLD = 1.0
"""An answer counts as far as it is beyond this, on either side; theirs."""
LEAST = 0.1
"""Added to the eigenvalues before whitening, so that noise is not blown up; that of Coates and Ng,
"Learning feature representations with k-means" (2012), whom they follow."""
PATCHES = 20_000
"""From which the covariance of patches is estimated."""
SOURCES = 500
"""Sites that patches are drawn from, at most."""
CHUNK = 32


@dataclass(frozen=True)
class Filters:
    """The bands' mean and spread, (b,), and weights, (k, b, 3, 3) float32."""

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray

    @classmethod
    def draw(cls, values: np.ndarray, mask: np.ndarray, count: int, seed: int) -> Filters:
        """Filters from ``values``, (m, b, h, w), valid where ``mask``, (m, h, w), is 1.

        Patches p of standardised images become (p - mean) Z Z', where Z whitens them: the inner
        product with an image's patch is then that of both whitened.
        """
        rng = np.random.default_rng(seed)
        valid = mask[:, None] > 0
        number = np.maximum(valid.sum((0, 2, 3)), 1)
        mean = np.where(valid, values, 0.0).sum((0, 2, 3)) / number
        offset = np.where(valid, values - mean[:, None, None], 0.0)
        spread = np.sqrt(np.square(offset).sum((0, 2, 3)) / number)
        spread[spread == 0.0] = 1.0
        images = offset / spread[:, None, None]
        site = rng.integers(len(images), size=PATCHES)
        row, column = (rng.integers(size - SIDE + 1, size=PATCHES) for size in images.shape[2:])
        windows = np.lib.stride_tricks.sliding_window_view(images, (SIDE, SIDE), axis=(2, 3))
        patches = windows[site, :, row, column].reshape(PATCHES, -1)
        centred = patches - patches.mean(axis=0)
        variance, axes = np.linalg.eigh(centred.T @ centred / PATCHES)
        whitening = (axes / (variance + LEAST)) @ axes.T
        drawn = centred[rng.permutation(PATCHES)[:count]] @ whitening
        weights = drawn.reshape(count, -1, SIDE, SIDE).astype(np.float32)
        return cls(mean, spread, weights)

    @torch.no_grad()
    def describe(self, values: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Mean answers of n images, (n, 2 k): as far as above, and as far as below.

        Images go one by one: kernels are chosen by the shape of a batch, and what a place gives
        must not depend on how many others are asked beside it.
        """
        weights = torch.from_numpy(self.weights)
        made = np.empty((len(values), 2 * len(weights)))
        for number in range(len(values)):
            image = (values[number] - self.mean[:, None, None]) / self.spread[:, None, None]
            image = np.where(mask[number] > 0, image, 0.0).astype(np.float32)
            answers = conv2d(torch.from_numpy(image)[None], weights)[0]
            sides = [relu(sign * answers - THRESHOLD).mean((1, 2)) for sign in (1.0, -1.0)]
            made[number] = torch.cat(sides).numpy()
        return made


@dataclass(frozen=True)
class Mosaiks(Estimator):
    """Ridge on random convolutional features; filters are drawn anew with each seed."""

    def fit(self, train: Training, *, seed: int) -> FittedMosaiks:
        """Draw filters, describe the stations and fit the ridge."""
        train.places.require(IMAGES)
        filters = _filters(train.places, seed)
        values = _features(filters, train.places)
        scaling = join_scaling(values)
        features = scaling.apply(np.hstack(values))
        centre = features.mean(axis=0)
        found = solve_ridge(features - centre, train.target)
        return FittedMosaiks(filters, scaling, centre, found.weights, found.intercept, found)

    def out_of_fold(self, fitted: Fitted, train: Training, *, seed: int) -> np.ndarray:
        """Each inner fold from the others, under the scaling and the penalty of all of them."""
        assert isinstance(fitted, FittedMosaiks)
        assert fitted.solution is not None  # it was fitted here, not read from a file
        held = _has_images(train.places)
        return np.where(held, fitted.solution.out_of_fold(train.inner(seed)), np.nan)


@dataclass(frozen=True)
class FittedMosaiks(Fitted):
    """Filters, scaling of the features, and ``intercept + (x - centre) @ weights``.

    ``solution`` is that of its training stations; its file has none.
    """

    kind = "mosaiks"

    filters: Filters
    scaling: Scaling
    centre: np.ndarray
    weights: np.ndarray
    intercept: float
    solution: Solution | None = None

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks an image."""
        features = self.scaling.apply(np.hstack(_features(self.filters, places)))
        held = _has_images(places)
        return np.where(held, (features - self.centre) @ self.weights + self.intercept, np.nan)

    def state(self) -> State:
        """Filters and coefficients."""
        arrays = {
            "scaling.mean": self.scaling.mean, "scaling.spread": self.scaling.spread,
            "centre": self.centre, "weights": self.weights, "bands.mean": self.filters.mean,
            "bands.spread": self.filters.spread, "filters": self.filters.weights,
        }  # fmt: skip
        return {"intercept": self.intercept}, arrays

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> FittedMosaiks:
        """The inverse of :meth:`state`."""
        filters = Filters(arrays["bands.mean"], arrays["bands.spread"], arrays["filters"])
        scaling = Scaling(arrays["scaling.mean"], arrays["scaling.spread"])
        return cls(filters, scaling, arrays["centre"], arrays["weights"], about["intercept"])


def _has_images(places: Places) -> np.ndarray:
    """Which places have both images, (n,) bool."""
    return np.logical_and.reduce([places.patch_rows(name) >= 0 for name in IMAGES])


def _filters(places: Places, seed: int) -> Filters:
    store = places.store.folder
    changed = (store / "store.json").stat().st_mtime_ns
    return _drawn(store, changed, _sources(places, seed).tobytes(), seed)


def _sources(places: Places, seed: int) -> np.ndarray:
    """Rows of the images that patches are drawn from, (k,): of sites without a measurement where
    the store has some, so that no test station's image decides a filter; else of ``places``, the
    training stations."""
    whole = places.whole or places
    free = np.setdiff1d(np.arange(len(places.store.s2)), whole.patch_rows("s2"))
    if len(free) == 0:
        own = places.patch_rows("s2")
        free = own[own >= 0]
    return np.sort(np.random.default_rng(seed).permutation(free)[:SOURCES])


@lru_cache(maxsize=8)
def _drawn(folder: Path, _changed: int, chosen: bytes, seed: int) -> Filters:
    """Filters from the images in the rows ``chosen`` of a store, which the folds of a job share."""
    values, mask = open_store(folder).patches("s2", np.frombuffer(chosen, np.int64))
    return Filters.draw(values.astype(float), mask, FILTERS, seed)


def _features(filters: Filters, places: Places) -> list[np.ndarray]:
    """Features of Sentinel-2, (n, 2 k), and of the column, (n, 4); NaN where nothing is valid."""

    def answers(whole: Places) -> np.ndarray:
        rows = whole.patch_rows("s2")
        made = np.full((len(whole), 2 * len(filters.weights)), np.nan)
        held = np.flatnonzero(rows >= 0)
        for part in np.array_split(held, max(len(held) // CHUNK, 1)):
            made[part] = filters.describe(*whole.store.patches("s2", rows[part]))
        return made

    digest = hashlib.sha256(filters.weights.tobytes()).hexdigest()
    return [places.block(f"mosaiks:{digest}", answers), column(places)]
