"""Paired comparison: by how much one method is better than another at the same stations.

Two methods err at the same stations, so their difference is known better than either figure; the
intervals of the benchmark table may overlap where the paired one is clear of 0. Both methods are
taken at the runs and stations that both predicted, and each resample draws the same stations for
both (Efron and Tibshirani 1993, chapter 13). A verdict is one on methods, not on the runs at hand:
the interval holds what other runs would give too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from mmaq.statistics.bootstrap import interval
from mmaq.statistics.counts import Counts, Metrics
from mmaq.statistics.resamples import Resamples, draw
from mmaq.vocabulary import METHODS, PROTOCOLS, REFERENCES

ENTRY = ("method", "protocol", "modalities")

OTHER = tuple(f"other_{name}" for name in ENTRY)

AT_ONCE = 256
"""Pairs whose resamples are held in memory together."""

FIGURES = ("difference", "low", "high", "block_low", "block_high", "stations", "verdict")


Name = tuple[str, str, str]
"""A method by ENTRY."""


def compare_pairs(predictions: pd.DataFrame, blocks: pd.Series, draws: int) -> pd.DataFrame:
    """The difference in R2 of each pair of methods, in the columns ENTRY, OTHER and FIGURES.

    Each pair stands once, in the order of the benchmark's names. ``difference`` is the first
    method's R2 less the other's, the mean over runs; its 95 % intervals are over runs and stations
    and over runs and whole blocks (NaN where all lie in one).

    Args:
        predictions: of one task and split; columns of ENTRY, run, site_id, measured, prediction.
        blocks: the block of each station, by ``site_id``.
        draws: number of resamples.
    """
    stations, column = np.unique(predictions["site_id"].to_numpy(str), return_inverse=True)
    runs, row = np.unique(predictions["run"].to_numpy(), return_inverse=True)
    error = (predictions["prediction"] - predictions["measured"]).to_numpy(float)
    measured = np.empty(len(stations))
    measured[column] = predictions["measured"].to_numpy(float)
    found = predictions.groupby(list(ENTRY)).indices
    names = sorted(found, key=_rank)
    squares = np.full((len(names), len(runs), len(stations)), np.nan)
    for number, name in enumerate(names):
        at = found[name]
        squares[number, row[at], column[at]] = error[at] ** 2

    pairs_of = defaultdict(list)
    for first, second in combinations(range(len(names)), 2):
        shared = np.isfinite(squares[first] + squares[second])
        if shared.any():
            pairs_of[shared.tobytes()].append((first, second))
    parts = []
    for pairs in map(np.array, pairs_of.values()):
        shared = np.isfinite(squares[pairs[0]].sum(axis=0))
        here = shared.any(axis=0)
        units = stations[here], blocks.reindex(stations[here]).to_numpy(str)
        figures = _figures(
            squares[:, :, here], shared[:, here], measured[here], pairs, *units, draws
        )
        text = [(*names[first], *names[second]) for first, second in pairs]
        part = pd.DataFrame(text, columns=[*ENTRY, *OTHER]).join(figures)
        parts.append(part.assign(order=pairs[:, 0] * len(names) + pairs[:, 1]))
    rows = pd.concat(parts).sort_values("order") if parts else pd.DataFrame()
    return rows.reindex(columns=[*ENTRY, *OTHER, *FIGURES]).reset_index(drop=True)


def compare_counts(
    counts: Mapping[Name, Counts], metrics: Metrics, metric: int, draws: int
) -> pd.DataFrame:
    """The difference in a metric of each pair of methods on scenes, as :func:`compare_pairs`.

    Figures are those of all runs' scenes together. What is drawn are places with all their
    scenes, and there are no blocks: a pair is clear where its one interval is.

    Args:
        counts: by method, protocol and modalities; of the same runs and scenes.
        metrics: (draws, k) sums to (draws, m).
        metric: which of the m is compared.
        draws: number of resamples.
    """
    names = sorted(counts, key=_rank)
    found = {name: counts[name].figures(metrics, draws) for name in names}
    rows = []
    for first, second in combinations(names, 2):
        difference = found[first].less(found[second])
        low, high = (bound[metric] for bound in difference.interval())
        about = difference.once[0, metric], low, high, np.nan, np.nan, difference.places
        rows.append((*first, *second, *about, str(_verdict(low > 0, high < 0))))
    return pd.DataFrame(rows, columns=[*ENTRY, *OTHER, *FIGURES])


def _verdict(better: np.ndarray, worse: np.ndarray) -> np.ndarray:
    return np.where(better, "better", np.where(worse, "worse", "open"))


def _figures(
    squares: np.ndarray, shared: np.ndarray, measured: np.ndarray, pairs: np.ndarray,
    stations: np.ndarray, blocks: np.ndarray, draws: int,
) -> pd.DataFrame:  # fmt: skip
    """FIGURES of ``pairs``, (p, 2) positions among the methods, that share their stations."""
    once = Resamples.once(len(stations))
    value = _differences(unexplained(squares, shared, measured, once), pairs)[0]
    bounds = []
    for units in (stations, blocks):
        left = unexplained(squares, shared, measured, draw(units, draws))
        count = len(np.unique(units))
        found = [
            interval(value[:, some], _differences(left, pairs[some]), count)
            for some in np.array_split(np.arange(len(pairs)), -(-len(pairs) // AT_ONCE))
        ]
        bounds += [np.concatenate(side) for side in zip(*found, strict=True)]
    low, high, block_low, block_high = bounds
    better, worse = (low > 0) & (block_low > 0), (high < 0) & (block_high < 0)
    verdict = _verdict(better, worse)
    figures = value.mean(axis=0), low, high, block_low, block_high, len(stations), verdict
    return pd.DataFrame(dict(zip(FIGURES, figures, strict=True)))


def _differences(left: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """R2 of the first less R2 of the second of each pair, (draws, runs, p)."""
    return left[..., pairs[:, 1]] - left[..., pairs[:, 0]]


def unexplained(
    squares: np.ndarray, shared: np.ndarray, measured: np.ndarray, drawn: Resamples
) -> np.ndarray:
    """1 - R2 of each method and run, (draws, runs, methods); NaN where it is undefined.

    Args:
        squares: squared errors, (methods, runs, stations); of methods with an error wherever
            ``shared``, NaN results for others.
        shared: which runs and stations take part, (runs, stations) bool; a run without any is left
            out.
        measured: (stations,) in the unit of the errors.
        drawn: resamples of the stations.
    """
    parts = []
    for run in np.flatnonzero(shared.any(axis=1)):
        here = shared[run]
        target = measured[here] - measured[here].mean()
        drawn_here = drawn.take(here)
        count, first, second = drawn_here.sums(np.stack([np.ones(len(target)), target, target**2]))
        with np.errstate(divide="ignore", invalid="ignore"):
            variation = second - first**2 / count
            variation[~(variation > 1e-12 * second)] = np.nan  # equal targets
        parts.append((drawn_here.sums(squares[:, run, here]) / variation).T)
    return np.stack(parts, axis=1)


def _rank(name: Name) -> tuple[int, int, str]:
    method, protocol, modalities = name
    return (METHODS + REFERENCES).index(method), PROTOCOLS.index(protocol), modalities
