"""Training and test scenes with no place in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from mmaq.errors import StoreError

FOLDS = 4
"""One of so many parts is the test set."""


class Split(NamedTuple):
    """Positions of training and test scenes."""

    train: np.ndarray
    test: np.ndarray


def split_scenes(locations: np.ndarray, labels: np.ndarray, seed: int) -> Split:
    """A quarter of the scenes as the test set, by whole locations, with the labels' shares.

    Args:
        locations: of each scene, (n,).
        labels: what both parts shall have alike, (n,) integers.
        seed: of the draw.

    Raises:
        StoreError: there are fewer than four locations.
    """
    found = len(np.unique(locations))
    if found < FOLDS:
        fault = f"{found} locations cannot be parted into {FOLDS}"
        raise StoreError("plants", fault, "Give scenes of more places")
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    train, test = next(folds.split(np.zeros(len(labels)), labels, locations))
    return Split(train, test)
