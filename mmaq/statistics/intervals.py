"""Conformal intervals: how far off a prediction may be, from stations that its model did not know.

An error is divided by the size that was expected of it; the interval at a place reaches as far as
a quantile of such ratios times the size that is expected there (Papadopoulos, Vovk and Gammerman
2011, Regression conformal prediction with nearest neighbours; Lei et al. 2018, Distribution-free
predictive inference for regression, section 5.2).
"""

from __future__ import annotations

import numpy as np

LEVEL = 0.9


def conformal_quantile(ratios: np.ndarray, level: float = LEVEL) -> float:
    """What a new ratio does not exceed with probability ``level``.

    Of n ratios the ceil((n + 1) level)-th smallest; infinite where n is too small for it.

    Args:
        ratios: of the calibration stations, (n,): size of the error over its expected size.
        level: wanted coverage.
    """
    ordered = np.sort(ratios)
    # The rounding keeps (9 + 1) * 0.9 at 9.
    rank = int(np.ceil(round((len(ordered) + 1) * level, 9)))
    return float(ordered[rank - 1]) if rank <= len(ordered) else float("inf")
