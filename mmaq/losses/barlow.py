"""The Barlow Twins term (Zbontar et al. 2021, arXiv:2103.03230)."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-5
"""Added to a variance, as in batch norm."""


def standardise(projections: Tensor) -> Tensor:
    """Zero mean and unit variance of each dimension over the batch: (n, d) to (n, d).

    A function, not a batch-norm layer, so that there is nothing to share by accident. Computed in
    at least single precision, whatever autocast says.
    """
    values = projections if projections.dtype == torch.float64 else projections.float()
    centred = values - values.mean(dim=0)
    return centred * torch.rsqrt(centred.square().mean(dim=0) + EPSILON)


def cross_correlation(first: Tensor, second: Tensor) -> Tensor:
    """C of two standardised batches, (n, d) each: (d, d), divided by the batch's actual size."""
    with torch.autocast(first.device.type, enabled=False):
        return first.T @ second / len(first)


def off_diagonal(matrix: Tensor) -> Tensor:
    """Sum of the squares off the diagonal."""
    squares = matrix.square()
    return squares.sum() - squares.diagonal().sum()


def barlow_twins(correlation: Tensor, lambda_off: float) -> Tensor:
    """BT(C) = sum (1 - C_ii)^2 + lambda sum_{i != j} C_ij^2."""
    return (1 - correlation.diagonal()).square().sum() + lambda_off * off_diagonal(correlation)
