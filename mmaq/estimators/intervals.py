"""The 90 % interval of a prediction, as wide as the error is where it stands.

One width for all stations is too wide in a forest and too narrow in a street canyon. So the error
is taken on the root scale, where it hardly grows with the level, and divided by its expected size,
which boosted trees learn from out-of-fold errors of the training stations; the same errors
calibrate (Vovk 2015, Cross-conformal predictors): how many expected sizes the interval reaches,
where how much is predicted. No station of a test fold takes part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from mmaq.base.errors import Unavailable
from mmaq.estimators.base import Estimator, Fitted, Places, State, Training, own_target
from mmaq.estimators.boosting import lightgbm
from mmaq.estimators.features import known_of
from mmaq.estimators.trees import (
    COARSE,
    NO_MEDIANS,
    as_wide,
    ask,
    filled,
    from_text,
    grow_on,
    in_bins,
    medians_of,
    text_of,
)
from mmaq.statistics.intervals import LEVEL, Reach, fit_reach

SIZES: dict[str, Any] = {
    "learning_rate": 0.1, "num_iterations": 40, "num_leaves": 7, "min_data_in_leaf": 30,
    "feature_fraction_bynode": 0.5, "lambda_l2": 5.0, **COARSE,
}  # fmt: skip
"""Of the trees that expect the size of an error: few and small ones, since one error says little
of its size."""
LEAST = 0.3
"""The smallest size that is expected, as a share of the mean size."""


@dataclass(frozen=True)
class Errors:
    """Out-of-fold errors of the n stations that calibrated: what tells how alike those of
    neighbouring places are.

    Attributes:
        values: measurement less prediction on the root scale, (n,), over the standard deviation
            that the 90 % interval has in a normal distribution.
        places: longitude and latitude, (n, 2) in degrees; NaN where they are not known.
        folds: a number that errors of one model share, (n,) int.
    """

    values: np.ndarray
    places: np.ndarray
    folds: np.ndarray


@dataclass(frozen=True)
class Intervals:
    """What bounds predictions of one fitted estimator.

    Attributes:
        modalities: of the estimator; what it reads tells how large its error may be.
        sizes: trees that give the expected size of an error, in roots of ug/m3.
        medians: of what these trees read of the stations, (d,).
        least: the smallest expected size, in roots of ug/m3.
        reach: how many expected sizes the interval reaches to each side, by the root of the
            prediction.
        errors: by which they were calibrated.
    """

    modalities: str
    sizes: list[lightgbm.Booster]
    medians: np.ndarray
    least: float
    reach: Reach
    errors: Errors

    def bounds(self, places: Places, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bound at ``places``, (n,) each in ug/m3; NaN where ``mean`` is.

        Args:
            places: where the estimator was asked.
            mean: what it said, (n,) in ug/m3.
        """
        root = _root(mean)
        inputs = filled(_inputs(self.modalities, places, root), self.medians)
        half = self.reach.at(root) * np.maximum(ask(self.sizes, inputs), self.least)
        return np.maximum(root - half, 0.0) ** 2, (root + half) ** 2

    def state(self) -> State:
        """Trees as text, their medians, three numbers, predictions and the errors."""
        about = {
            "modalities": self.modalities, "least": self.least, "reach": self.reach.ends.tolist()
        }  # fmt: skip
        errors = {f"errors.{name}": value for name, value in vars(self.errors).items()}
        arrays = {"medians": self.medians, "levels": self.reach.levels}
        return about, {**text_of(self.sizes, "sizes"), **arrays, **errors}

    @classmethod
    def from_state(cls, about: dict[str, Any], arrays: dict[str, np.ndarray]) -> Intervals:
        """The inverse of :meth:`state`."""
        sizes = from_text(arrays, "sizes")
        errors = Errors(*(arrays[f"errors.{name}"] for name in ("values", "places", "folds")))
        medians = arrays.get("medians", NO_MEDIANS)
        # files until 06b51e2 have one reach for all levels
        ends = np.broadcast_to(np.asarray(about["reach"], float), 2)
        reach = Reach(arrays.get("levels", np.zeros(1)), ends)
        return cls(about["modalities"], sizes, medians, about["least"], reach, errors)


def calibrate(
    estimator: Estimator, fitted: Fitted, train: Training, *, seed: int
) -> Intervals | None:
    """The intervals of ``fitted``, from its stations' out-of-fold errors.

    Expected sizes of the errors that calibrate are themselves out of fold. None where the
    stations cannot be split, or are too few: a prediction without an interval is still one.
    """
    try:
        found = estimator.out_of_fold(fitted, train, seed=seed)
        asked = np.flatnonzero(np.isfinite(found))
        train, root = train.take(asked), _root(found[asked])
        folds = train.inner(seed)
    except Unavailable:
        return None
    inputs = _inputs(estimator.modalities, train.places, root)
    settings = as_wide(SIZES, inputs)
    signed = np.sqrt(own_target(train)) - root
    error, part = np.abs(signed), np.empty(len(train), int)
    size, least = np.empty(len(train)), LEAST * float(error.mean())
    binned = in_bins(inputs, error, settings)
    for number, fold in enumerate(folds):
        part[fold.test] = number
        sizes = grow_on(binned.subset(fold.train.tolist()), seed, settings, 1)
        size[fold.test] = ask(sizes, inputs[fold.test])
    with np.errstate(invalid="ignore"):  # a model that is always right has errors of size 0
        ratio = np.nan_to_num(signed / np.maximum(size, least))
    reach = fit_reach(root, np.abs(ratio))
    if not np.isfinite(reach.ends).all():
        return None
    deviation = np.maximum(reach.at(root) / ndtri(0.5 + LEVEL / 2), np.finfo(float).tiny)
    errors = Errors(ratio / deviation, train.places.lonlat, part)
    sizes = grow_on(binned, seed, settings, 1)
    return Intervals(estimator.modalities, sizes, medians_of(inputs), least, reach, errors)


def _inputs(modalities: str, places: Places, root: np.ndarray) -> np.ndarray:
    return np.column_stack([root, known_of(modalities, places)])


def _root(concentration: np.ndarray) -> np.ndarray:
    """Square root of a concentration, (n,) in ug/m3, that a model may make negative."""
    return np.asarray(np.sqrt(np.maximum(concentration, 0.0)))
