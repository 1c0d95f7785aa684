"""Losses are computed in single precision at least, whatever autocast says."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")

R = TypeVar("R")


def at_least_single(values: Tensor) -> Tensor:
    """Half precision becomes single; single and double stay."""
    return values if values.dtype == torch.float64 else values.float()


def in_single_precision(loss: Callable[P, R]) -> Callable[P, R]:
    """Decorate a loss whose positional tensors are projections: no autocast, no half precision."""

    @wraps(loss)
    def run(*args: P.args, **options: P.kwargs) -> R:
        values: list[Any] = [at_least_single(a) if isinstance(a, Tensor) else a for a in args]
        device = next(value.device.type for value in values if isinstance(value, Tensor))
        with torch.autocast(device, enabled=False):
            return loss(*values, **options)

    return run
