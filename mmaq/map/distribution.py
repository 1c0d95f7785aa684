"""What may be true where an estimator says ``mean``: bounds, and chances to exceed a limit.

The one place that knows how a tier's calibration becomes a distribution. A tier has one half width
for all places, that of the split-conformal 90 % interval, which is symmetric. Between and beyond
its ends conformal prediction says nothing; there the normal distribution with these 5 % and 95 %
quantiles stands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from mmaq.contracts.estimator import Tier
from mmaq.statistics.intervals import LEVEL


class Distribution(NamedTuple):
    """Of n places: ends of the 90 % interval, (n,) in ug/m3, and chances, (limits, n)."""

    low: np.ndarray
    high: np.ndarray
    above: np.ndarray


def distribution(tier: Tier, mean: np.ndarray, limits: Sequence[float]) -> Distribution:
    """The distribution of the concentration at places that ``tier`` predicted.

    Args:
        tier: what predicted.
        mean: its predictions, (n,) in ug/m3.
        limits: concentrations whose exceedance is asked for, ug/m3.

    Returns:
        All NaN where the tier has no calibration. A concentration is not negative, so ends below
        0 are 0.
    """
    radius = tier.radius if np.isfinite(tier.radius) else np.nan
    spread = np.maximum(radius, np.finfo(float).tiny) / ndtri(0.5 + LEVEL / 2)
    above = ndtr((mean - np.asarray(limits, dtype=float)[:, None]) / spread)
    return Distribution(np.maximum(mean - radius, 0.0), np.maximum(mean + radius, 0.0), above)
