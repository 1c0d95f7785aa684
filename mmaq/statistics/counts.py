"""Figures of what adds up over scenes, pooled over runs that test other places each.

Every place is tested by one run, so that a figure is one of all test scenes together, and not the
mean of the runs' own: the IoU of a few scenes says little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmaq.statistics.bootstrap import Estimate, interval, possible
from mmaq.statistics.resamples import Resamples, draw

Metrics = Callable[[np.ndarray], np.ndarray]
"""(draws, k) sums to (draws, m) metrics."""


@dataclass(frozen=True)
class Counts:
    """What adds up over the scenes of a place: cells of a confusion matrix, or numbers of pixels.

    Attributes:
        places: names, (p,).
        sums: (runs, p, k); 0 where a run did not test a place.
    """

    places: np.ndarray
    sums: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Counts:
        """Of each run the locations of its test scenes, (n,), and their counts, (n, k)."""
        locations = [location for location, _ in runs]
        places, at = np.unique(np.concatenate(locations), return_inverse=True)
        sums = np.zeros((len(runs), len(places), runs[0][1].shape[1]))
        ends = np.cumsum([len(location) for location in locations])[:-1]
        for run, (here, (_, counts)) in enumerate(zip(np.split(at, ends), runs, strict=True)):
            np.add.at(sums[run], here, counts)
        return cls(places, sums)

    def figures(self, metrics: Metrics, draws: int) -> Figures:
        """Metrics of all runs together and of each, as they are and in resamples of places."""
        sums = np.concatenate([self.sums.sum(axis=0, keepdims=True), self.sums]).swapaxes(1, 2)
        once, drawn = (
            np.stack([metrics(each.T) for each in taken.sums(sums)], axis=1)
            for taken in (Resamples.once(len(self.places)), draw(self.places, draws))
        )
        return Figures(once[0], drawn, len(self.places))


@dataclass(frozen=True)
class Figures:
    """Metrics of all runs together, then of each run.

    Attributes:
        once: (1 + runs, m).
        drawn: the same in each resample, (draws, 1 + runs, m).
        places: how many there are.
    """

    once: np.ndarray
    drawn: np.ndarray
    places: int

    def less(self, other: Figures) -> Figures:
        """By how much they are above those of another method on the same runs and scenes."""
        return Figures(self.once - other.once, self.drawn - other.drawn, self.places)

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95 % bounds of the figures of all runs together, (m,) each."""
        pooled = self.once[0], self.drawn[:, 0]
        return interval(self.once[1:], self.drawn[:, 1:], self.places, pooled)


def estimate_counts(
    counts: Counts, names: tuple[str, ...], metrics: Metrics, draws: int
) -> Estimate:
    """Each metric over the test scenes of all runs, and its 95 % interval over places and runs.

    Args:
        counts: of each run.
        names: of the m metrics.
        metrics: (draws, k) sums to (draws, m).
        draws: number of resamples. A place is drawn with all its scenes, of all runs.
    """
    found = counts.figures(metrics, draws)
    return Estimate(names, found.once[0], *possible(names, *found.interval()))
