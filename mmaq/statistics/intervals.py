"""Split-conformal intervals: how far a prediction may be off, from stations it was not fitted to.

A second model is fitted without a fifth of the training part, its calibration part; the interval's
half width is a quantile of the errors there (Lei et al. 2018, Distribution-free predictive
inference for regression, algorithm 2). Where a split leaves out whole blocks or countries, so does
the calibration part: its stations are then as far from their neighbours as test stations are.
"""

from __future__ import annotations

import numpy as np

LEVEL = 0.9


def half_width(errors: np.ndarray, level: float = LEVEL) -> float:
    """Half width of the interval that holds a new error with probability ``level``, ug/m3.

    Of n errors the ceil((n + 1) level)-th smallest in size; infinite where n is too small for it.

    Args:
        errors: errors of the calibration stations, (n,) in ug/m3.
        level: wanted coverage.
    """
    sizes = np.sort(np.abs(errors))
    # The rounding keeps (9 + 1) * 0.9 at 9.
    rank = int(np.ceil(round((len(sizes) + 1) * level, 9)))
    return float(sizes[rank - 1]) if rank <= len(sizes) else float("inf")
