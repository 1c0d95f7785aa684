"""A head: ridge regression on some inputs of a site, with the half width of its 90 % interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmaq.statistics.intervals import half_width
from mmaq.statistics.ridge import fit_ridge, join_scaling
from mmaq.statistics.splits import Fold


@dataclass(frozen=True)
class Linear:
    """``intercept + (x - mean) * slope``: (d,) each, in ug/m3 per unit of the joined inputs."""

    mean: np.ndarray
    slope: np.ndarray
    intercept: float

    @classmethod
    def fit(cls, blocks: Sequence[np.ndarray], target: np.ndarray) -> Linear:
        """Ridge on the blocks, (n, width) each, all equally loud; see ``join_scaling``."""
        scaling = join_scaling(blocks)
        weights, intercept = fit_ridge(scaling.apply(np.hstack(blocks)), target)
        return cls(scaling.mean, weights / scaling.spread, intercept)

    def predict(self, blocks: Sequence[np.ndarray]) -> np.ndarray:
        """Concentration, (n,) in ug/m3."""
        return self.intercept + (np.hstack(blocks) - self.mean) @ self.slope


@dataclass(frozen=True)
class Head:
    """A ridge on ``inputs``; ``radius`` (ug/m3) and ``r2`` are those of left-out stations."""

    inputs: tuple[str, ...]
    linear: Linear
    radius: float
    r2: float
    stations: int


def fit_head(
    inputs: Mapping[str, np.ndarray],
    chosen: tuple[str, ...],
    target: np.ndarray,
    folds: Sequence[Fold],
) -> Head:
    """Fit on all stations; the interval comes from stations that each fold leaves out.

    The errors out of folds are of models that saw fewer stations than the one that predicts, which
    makes the interval a little wide rather than narrow (cross-conformal prediction, Vovk 2015).

    Args:
        inputs: of n stations, by name; those chosen have no missing value.
        chosen: names of the inputs that the head reads.
        target: measured concentration, (n,) in ug/m3.
        folds: a partition of the stations, every one in one test set.
    """  # fmt: skip
    blocks = [inputs[name] for name in chosen]
    errors, deviations = [], []
    for fold in folds:
        linear = Linear.fit([block[fold.train] for block in blocks], target[fold.train])
        predicted = linear.predict([block[fold.test] for block in blocks])
        errors.append(predicted - target[fold.test])
        deviations.append(target[fold.test] - target.mean())
    left_out, about = np.concatenate(errors), np.concatenate(deviations)
    r2 = 1.0 - float(np.square(left_out).sum() / np.square(about).sum())
    return Head(chosen, Linear.fit(blocks, target), half_width(left_out), r2, len(target))
