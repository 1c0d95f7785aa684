"""How likely a concentration is where an estimator gives it with its interval.

Conformal prediction gives the ends of the 90 % interval alone, which reach as far to both sides on
the root scale (``mmaq.estimators.intervals``). Between and beyond them the normal distribution of
the root with these 5 % and 95 % quantiles stands in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from mmaq.statistics.intervals import LEVEL


def chances(mean: np.ndarray, high: np.ndarray, limits: Sequence[float]) -> np.ndarray:
    """Probability that the concentration exceeds each limit, (limits, n).

    Args:
        mean: predictions, (n,) in ug/m3.
        high: upper ends of their 90 % intervals, (n,) in ug/m3; NaN gives NaN. The lower ends are
            cut at 0 and say less.
        limits: in ug/m3.
    """
    root, spread = np.sqrt(mean), deviation(mean, high)
    return np.asarray(ndtr((root - np.sqrt(np.asarray(limits, float))[:, None]) / spread))


def concentrations(mean: np.ndarray, high: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Values of the predictive distribution at standard normal numbers, (n, k) in ug/m3.

    Args:
        mean, high: as for ``chances``.
        normal: (n, k); -1.64 gives the lower end of the 90 % interval, 1.64 the upper.
    """
    root = np.sqrt(mean)[:, None] + deviation(mean, high)[:, None] * normal
    return np.asarray(np.square(np.maximum(root, 0.0)))


def deviation(mean: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Standard deviation of the root of the concentration, (n,)."""
    spread = (np.sqrt(high) - np.sqrt(mean)) / ndtri(0.5 + LEVEL / 2)
    return np.asarray(np.maximum(spread, np.finfo(float).tiny))
