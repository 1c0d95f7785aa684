"""Folds inside the training part of a fold, for whatever a method has to choose."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from mmaq.evaluation.splits import Fold, leave_buffer
from mmaq.evaluation.unavailable import Unavailable

INNER = 5


def inner_folds(fold: Fold, places: np.ndarray, seed: int) -> list[Fold]:
    """Parts of ``fold.train`` that are tested in turn, as positions in it.

    They are parted as the fold itself is: single stations, or whole blocks or countries, with the
    fold's buffer between, so that a choice made on them is made for the same distances to the
    nearest label as at test. ``places``, (n, 2) in degrees, is read where there is a buffer.

    Raises:
        Unavailable: the training part cannot be parted so.
    """
    units = np.arange(len(fold.train)) if fold.groups is None else np.unique(fold.groups)
    if len(units) < 2:
        raise Unavailable("a training part of one unit leaves nothing to choose by")
    count = min(INNER, len(units))
    if fold.groups is None:
        parts = KFold(count, shuffle=True, random_state=seed).split(fold.train)
    else:
        parts = GroupKFold(count).split(fold.train, groups=fold.groups)
    folds = [Fold(train, test) for train, test in parts]
    if fold.buffer_km == 0.0:
        return folds
    lon, lat = places[fold.train].T
    kept = [Fold(leave_buffer(part, lon, lat, fold.buffer_km), part.test) for part in folds]
    if min(len(part.train) for part in kept) < 2:
        raise Unavailable(f"a buffer of {fold.buffer_km:g} km leaves nothing to choose by")
    return kept
