"""The interval of one figure, written out for plain numbers."""

from __future__ import annotations

import math
import statistics

import numpy as np
from scipy.stats import t

from mmaq.statistics.resamples import draw


def draw_weights(units, draws):
    """How often each station is in each resample, (draws, stations)."""
    drawn = draw(units, draws)
    return drawn.drawn[:, drawn.unit]


def bounds(values, resampled, units):
    """Of the mean of ``values``, one a run; ``resampled`` has a list a draw, one a run."""
    count, mean = len(values), statistics.fmean(values)
    means = [statistics.fmean(one) for one in resampled]
    runs = between = 0.0
    if count > 1:
        between = statistics.variance(values)
        moved = [
            statistics.variance([one - value for one, value in zip(each, values, strict=True)])
            for each in resampled
        ]
        runs = max(between - statistics.fmean(moved), 0.0) / count
    found = []
    for level, sign in ((2.5, -1), (97.5, 1)):
        reach = (np.percentile(means, level) - mean) / 1.959963984540054
        stations = reach**2 * units / (units - 1)
        own = between / count if runs > 0 else 0.0
        rest = max(stations + runs - own, 0.0)
        few, many = t.ppf(0.975, max(count - 1, 1)), t.ppf(0.975, units - 1)
        lost = stations**2 / (units - 1) + own**2 / max(count - 1, 1)
        quantile = (rest * many + own * few) / (rest + own) / 2
        quantile += t.ppf(0.975, (stations + runs) ** 2 / lost) / 2
        found.append(mean + sign * quantile * math.sqrt(stations + runs))
    return found
