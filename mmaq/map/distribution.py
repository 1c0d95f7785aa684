"""How likely a limit is exceeded where an estimator gives a concentration with its interval.

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
    root = np.sqrt(mean)
    spread = np.maximum((np.sqrt(high) - root) / ndtri(0.5 + LEVEL / 2), np.finfo(float).tiny)
    return np.asarray(ndtr((root - np.sqrt(np.asarray(limits, float))[:, None]) / spread))
