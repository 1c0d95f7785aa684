"""VICReg: variance, invariance, covariance (Bardes et al. 2022, arXiv:2105.04906)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mmaq.learn.losses.distributed import gather
from mmaq.learn.losses.precision import in_single_precision

EPSILON = 1e-4
"""Added to a variance before its root, as in the paper."""


@in_single_precision
def vicreg_terms(first: Tensor, second: Tensor) -> dict[str, Tensor]:
    """The three terms of projections (n, d) of two views, over the global batch; n > 1.

    "invariance", the mean squared difference (over n and d); "variance", the mean hinge of each
    dimension's standard deviation below one, averaged over views; "covariance", the squared
    off-diagonal covariances over d, summed over views: equations 1 to 6 with the factors of the
    authors' code.
    """
    first, second = gather(first), gather(second)
    return {
        "invariance": functional.mse_loss(first, second),
        "variance": (_variance(first) + _variance(second)) / 2,
        "covariance": _covariance(first) + _covariance(second),
    }


def _variance(values: Tensor) -> Tensor:
    return functional.relu(1 - torch.sqrt(values.var(dim=0) + EPSILON)).mean()


def _covariance(values: Tensor) -> Tensor:
    centred = values - values.mean(dim=0)
    squares = (centred.T @ centred / (len(values) - 1)).square()
    return (squares.sum() - squares.diagonal().sum()) / values.shape[1]
