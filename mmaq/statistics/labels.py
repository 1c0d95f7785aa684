"""Which fold each station is in, (n,) from 0: drawn one by one, by whole blocks or by countries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mmaq.base.errors import Unavailable

DRAWS = 20
"""Draws of whole blocks, of which the most even is taken."""


def random_labels(count: int, folds: int, seed: int) -> np.ndarray:
    """Fold of each of ``count`` stations, drawn at random; sizes differ by at most one."""
    if count < folds:
        raise Unavailable(f"{count} stations cannot make {folds} folds")
    labels = np.empty(count, dtype=int)
    labels[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    return labels


def block_labels(block: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of each station such that whole blocks share one, (n,).

    Blocks come in random order, each to the fold with fewest stations; the most even of several
    such draws is taken, because one large block drawn late would tip the balance.
    """
    names, member, sizes = np.unique(block.astype(str), return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise Unavailable(f"{len(names)} blocks cannot make {folds} folds")
    rng = np.random.default_rng(seed)
    draws = [_fill_folds(sizes, folds, rng) for _ in range(DRAWS)]
    best = min(draws, key=lambda labels: np.bincount(labels, sizes, folds).max())
    return best[member]


def unite(country: pd.Series, together: Sequence[Sequence[str]]) -> np.ndarray:
    """The country of each station, (n,), those of ``together`` under one name ("GB+IE")."""
    names = {name: "+".join(union) for union in together for name in union}
    return np.asarray(country.map(lambda name: names.get(name, name)), dtype=object)


def country_labels(country: np.ndarray) -> np.ndarray:
    """One fold a country, (n,); the country with most stations is fold 0, ties by name."""
    names, member, sizes = np.unique(country.astype(str), return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise Unavailable(f"all stations are in one country ({names[0]})")
    rank = np.empty(len(names), dtype=int)
    rank[np.lexsort((names, -sizes))] = np.arange(len(names))
    return rank[member]


def _fill_folds(sizes: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    labels, load = np.empty(len(sizes), dtype=int), np.zeros(folds)
    for position in rng.permutation(len(sizes)):
        labels[position] = np.argmin(load)
        load[labels[position]] += sizes[position]
    return labels
