"""Conformal intervals: how far off a prediction may be, from stations that its model did not know.

An error is divided by the size that was expected of it; the interval at a place reaches as far as
a quantile of such ratios times the size that is expected there (Papadopoulos, Vovk and Gammerman
2011, Regression conformal prediction with nearest neighbours; Lei et al. 2018, Distribution-free
predictive inference for regression, section 5.2). Expected sizes are nearer to each other than the
true ones, so that one quantile is too large where little is predicted and too small where much is:
it is a line in the rank of the prediction (Koenker and Bassett 1978, Regression quantiles), which
the quantile of the ratios over it brings to the wanted coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL = 0.9


def conformal_quantile(ratios: np.ndarray, level: float = LEVEL, slopes: int = 0) -> float:
    """What a new ratio does not exceed with probability ``level``.

    Of n ratios the ceil((n + 1) level)-th smallest; infinite where n is too small for it.

    Args:
        ratios: of the calibration stations, (n,): size of the error over its expected size.
        level: wanted coverage.
        slopes: how many numbers of a shape that the ratios are over were fitted to them. A fit
            brings about one ratio each below it that a new one would not be, so that as many
            further ones are counted off.
    """
    ordered = np.sort(ratios)
    # The rounding keeps (9 + 1) * 0.9 at 9.
    rank = int(np.ceil(round((len(ordered) + 1) * level, 9))) + slopes
    return float(ordered[rank - 1]) if rank <= len(ordered) else float("inf")


@dataclass(frozen=True)
class Reach:
    """How many expected sizes an interval reaches to each side, where how much is predicted.

    Attributes:
        levels: predictions at the calibration stations, (n,), in rising order.
        ends: reach below the lowest and above the highest of them, (2,); a line in their rank
            between.
    """

    levels: np.ndarray
    ends: np.ndarray

    def at(self, levels: np.ndarray) -> np.ndarray:
        """The reach at predictions, (m,); that of the highest where one is NaN."""
        low, high = self.ends
        return np.asarray(low + (high - low) * _rank(self.levels, levels))


def fit_reach(levels: np.ndarray, ratios: np.ndarray) -> Reach:
    """The reach that holds ``LEVEL`` of the calibration stations at each level.

    It is nowhere less than half of the one reach that would hold it at all levels together, before
    the ratios over the line are brought to the coverage. Where stations are too few for a line it
    is that one reach, and infinite where they are too few for the level.

    Args:
        levels: predictions at the calibration stations, (n,).
        ratios: size of the error over its expected size there, (n,).
    """
    # Half a second to import, which who reads intervals from a file need not wait for.
    from sklearn.linear_model import QuantileRegressor

    ordered, everywhere = np.sort(levels), conformal_quantile(ratios)
    if not np.isfinite(conformal_quantile(ratios, slopes=1)):
        return Reach(ordered, np.full(2, everywhere))
    rank = _rank(ordered, levels)[:, None]
    line = QuantileRegressor(quantile=LEVEL, alpha=0.0).fit(rank, ratios)
    # a model that is always right has ratios of 0, which nothing can be divided by
    least = max(0.5 * everywhere, np.finfo(float).tiny)
    shape = Reach(ordered, np.maximum(line.predict([[0.0], [1.0]]), least))
    over = conformal_quantile(ratios / shape.at(levels), slopes=1)
    return Reach(ordered, shape.ends * over)


def _rank(ordered: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Share of ``ordered``, (n,), below each of ``levels``, (m,), half of those that equal it."""
    below, through = (np.searchsorted(ordered, levels, side) for side in ("left", "right"))
    return np.asarray((below + through) / (2 * len(ordered)))
