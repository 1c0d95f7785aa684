"""Training and test scenes with no place in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mmaq.evaluation.unavailable import Unavailable

SHARE = 4
"""One place in so many is tested on."""


class Split(NamedTuple):
    """Positions of training and test scenes."""

    train: np.ndarray
    test: np.ndarray


def split_scenes(locations: np.ndarray, labels: np.ndarray, seed: int) -> Split:
    """A quarter of the places as the test set, of each label about a quarter of its places.

    Places are shuffled, ordered by their most frequent label, and every fourth is taken.

    Args:
        locations: of each scene, (n,).
        labels: what both parts shall have alike, (n,) integers.
        seed: of the draw.

    Raises:
        Unavailable: there are fewer than four places.
    """
    places, place = np.unique(locations, return_inverse=True)
    if len(places) < SHARE:
        raise Unavailable(f"{len(places)} places cannot be parted into training and test")
    kinds, kind = np.unique(labels, return_inverse=True)
    votes = np.zeros((len(places), len(kinds)))
    np.add.at(votes, (place, kind), 1)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(places))
    ordered = shuffled[np.argsort(votes.argmax(axis=1)[shuffled], kind="stable")]
    test = np.isin(place, ordered[rng.integers(SHARE) :: SHARE])
    return Split(np.flatnonzero(~test), np.flatnonzero(test))
