"""Label efficiency: which training stations keep their labels when only a share does."""

from __future__ import annotations

import numpy as np

from mmaq.evaluation.splits import Fold

FEWEST = 10
"""Stations that keep their labels at least, or all where a training part has fewer."""

STREAM = 1
"""Sets these draws apart from those of the folds, which come from the same seed."""


def labelled(fold: Fold, share: float, seed: int) -> np.ndarray:
    """A random share of the training stations, the same for every method, (m,) positions.

    The stations of a smaller share are among those of a larger one, so that a learning curve adds
    labels and never changes them. All of them, in their order, where the share is 1.
    """
    if share == 1.0:
        return fold.train
    order = np.random.default_rng([seed, STREAM]).permutation(len(fold.train))
    return np.sort(fold.train[order[: max(FEWEST, round(share * len(fold.train)))]])
