"""The Barlow Twins term (Zbontar et al. 2021, arXiv:2103.03230) and its relative for two parts."""

from __future__ import annotations

import torch
from torch import Tensor

from mmaq.learn.losses.distributed import gather
from mmaq.learn.losses.precision import in_single_precision

EPSILON = 1e-5
"""Added to a variance, as in batch norm."""


@in_single_precision
def standardise(projections: Tensor) -> Tensor:
    """Zero mean and unit variance of each dimension over the global batch.

    (n, d) on each process to (processes x n, d) on all. A function, not a batch-norm layer, so
    that there is nothing to share by accident.
    """
    values = gather(projections)
    centred = values - values.mean(dim=0)
    return centred * torch.rsqrt(centred.square().mean(dim=0) + EPSILON)


@in_single_precision
def cross_correlation(first: Tensor, second: Tensor) -> Tensor:
    """C of two standardised batches, (n, d) each: (d, d), divided by the batch's actual size."""
    return first.T @ second / len(first)


def off_diagonal(matrix: Tensor) -> Tensor:
    """Sum of the squares off the diagonal."""
    squares = matrix.square()
    return squares.sum() - squares.diagonal().sum()


def barlow_twins(correlation: Tensor, lambda_off: float) -> Tensor:
    """BT(C) = sum (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2."""
    return (1 - correlation.diagonal()).square().sum() + lambda_off * off_diagonal(correlation)


def decorrelation(correlation: Tensor, lambda_off: float) -> Tensor:
    """sum C_ii^2 + lambda sum_{i != j} C_ij^2: the two sides are to share nothing (DeCUR)."""
    return correlation.diagonal().square().sum() + lambda_off * off_diagonal(correlation)
