"""Batch statistics over all processes of a run, with their gradients.

A loss calls :func:`gather` on its projections and is then, on every process, the loss of the global
batch. Data-parallel training averages gradients over processes. The sum that ``gather`` makes on
the way back and that average together give each parameter the gradient that one process would
have found on the joined batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


def gather(values: Tensor) -> Tensor:
    """The batches of all processes, (n, ...) each, joined in order of rank: (processes x n, ...).

    Every process must hold the same number of samples. On one process the values themselves.
    """
    return _Gather.apply(values) if _processes() > 1 else values


@torch.no_grad()
def batch_mean(values: Tensor) -> Tensor:
    """Mean over the samples of all processes, without a gradient: (n, d) to (d,)."""
    mean = values.mean(dim=0)
    if _processes() > 1:
        dist.all_reduce(mean)
        mean /= _processes()
    return mean


class _Gather(torch.autograd.Function):
    """All-gather forward; backward the sum over processes of the gradients of this one's part."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        parts = [torch.empty_like(values) for _ in range(_processes())]
        dist.all_gather(parts, values.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(_processes())[dist.get_rank()]


def _processes() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
