"""What scenes say without any network: the commonest fuel, colours under trees, brightness."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmaq.estimators.pixels import band_features
from mmaq.estimators.trees import BOOSTING, ENSEMBLE, ask, grow
from mmaq.statistics.metrics import count_pixels
from mmaq.transfer.holdouts import Holdout
from mmaq.vocabulary import BANDS, FUEL_CLASSES

CENTRE = 30
"""Pixels of 10 m about the middle of a scene that are its centre: the works; the rest is its
ring."""

PERCENTILES = (5, 50, 95)

CHUNK = 64

BLUE = BANDS.index("B02")

STEPS = np.arange(0.005, 0.4, 0.005)
"""Thresholds of brightness that are tried, reflectance."""

INPUTS = {"majority": "", "gbm_colours": "s2", "brightness": "s2"}
"""Modalities of each reference."""


def centre_of(side: int) -> np.ndarray:
    """Which pixels of a scene are its centre, (side, side) bool."""
    from_middle = np.arange(side) - (side - 1) / 2
    return np.hypot(from_middle[:, None], from_middle) <= CENTRE


def majority(holdout: Holdout, seed: int) -> np.ndarray:
    """The commonest fuel of the training scenes for every test scene."""
    train, test = holdout.split.train, holdout.split.test
    return np.full(len(test), np.bincount(holdout.fuel[train]).argmax())


def gbm_colours(holdout: Holdout, seed: int) -> np.ndarray:
    """Classes of the test scenes by boosted trees on the colours of centre and ring.

    The trees are those of the stations (``BOOSTING``), with one score a class.
    """
    train, test = holdout.split.train, holdout.split.test
    values = colour_features(holdout.images)
    settings = {**BOOSTING, "objective": "multiclass", "num_class": len(FUEL_CLASSES)}
    grown = grow(values[train], holdout.fuel[train], seed, settings, ENSEMBLE)
    return ask(grown, values[test]).argmax(axis=1)


def colour_features(images: np.ndarray) -> np.ndarray:
    """(n, 12, side, side) reflectance x 10000 to (n, 132): colours of centre and ring.

    Of each zone the mean and sd of bands and indices (``band_features``), and percentiles of the
    bands.
    """
    centre = centre_of(images.shape[-1])
    return np.vstack(
        [
            np.hstack([_zone_features(part, zone) for zone in (centre, ~centre)])
            for part in np.array_split(images, max(1, len(images) // CHUNK))
        ]
    )


def _zone_features(images: np.ndarray, zone: np.ndarray) -> np.ndarray:
    moments = band_features(images, np.broadcast_to(zone, (len(images), *zone.shape)))
    levels = np.percentile(images[:, :, zone] / 1e4, PERCENTILES, axis=2)
    return np.hstack([moments, *levels])


def brightness(holdout: Holdout, seed: int) -> np.ndarray:
    """Pixel counts, (m, 4), of masks of what is brighter in the blue than the scene's ring.

    By how much it has to be brighter is what gives the training scenes the highest IoU of the
    plume, pooled over their pixels.
    """
    train, test = holdout.split.train, holdout.split.test
    excess = brightness_excess(holdout.images)
    least = choose_threshold(excess[train], holdout.masks[train])
    return count_pixels(holdout.masks[test], excess[test] > least)


def brightness_excess(images: np.ndarray) -> np.ndarray:
    """Reflectance in the blue above the median of the scene's ring, (n, side, side)."""
    blue = images[:, BLUE] / np.float32(1e4)
    ring = np.median(blue[:, ~centre_of(images.shape[-1])], axis=1)
    return blue - ring[:, None, None]


def choose_threshold(excess: np.ndarray, masks: np.ndarray) -> float:
    """Of ``STEPS`` the one above which most is plume, by the pooled IoU of (n, side, side)."""
    plume = masks.astype(bool)
    edges = np.concatenate([[-np.inf], STEPS, [np.inf]])
    taken, hit = (
        np.histogram(values, edges)[0][::-1].cumsum()[::-1][1:]
        for values in (excess, excess[plume])
    )
    return float(STEPS[np.argmax(hit / np.maximum(taken + plume.sum() - hit, 1))])


METHODS: dict[str, Callable[[Holdout, int], np.ndarray]] = {
    "majority": majority,
    "gbm_colours": gbm_colours,
    "brightness": brightness,
}
"""What a reference says of a hold-out's test scenes, fitted to its training scenes: classes (m,) or
numbers of pixels (m, 4). The number is a seed."""
