"""Label efficiency: the same method with the labels of a share of the training stations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmaq.evaluation.entry import Entry, Predict
from mmaq.evaluation.splits import Fold

FEWEST = 10
"""Stations that keep their labels at least, or all where a training part has fewer."""

STREAM = 1
"""Sets these draws apart from those of the folds, which come from the same seed."""


def with_few_labels(entry: Entry, fraction: float) -> Entry:
    """``entry`` fitted on a share of each training part. Its intervals are not calibrated."""

    def prepare() -> Predict:
        predict = entry.prepare()
        return lambda fold, seed: predict(keep_labels(fold, fraction, seed), seed)

    return replace(entry, prepare=prepare, label_fraction=fraction, calibrated=False)


def keep_labels(fold: Fold, fraction: float, seed: int) -> Fold:
    """The fold with a random share of its training stations, the same for every method.

    The stations of a smaller share are among those of a larger one, so that a learning curve adds
    stations and never changes them.
    """
    order = np.random.default_rng([seed, STREAM]).permutation(len(fold.train))
    kept = np.sort(order[: max(FEWEST, round(fraction * len(fold.train)))])
    groups = None if fold.groups is None else fold.groups[kept]
    return Fold(fold.train[kept], fold.test, groups)
