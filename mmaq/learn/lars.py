"""LARS: layer-wise adaptive rate scaling (You et al. 2017, arXiv:1708.03888)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

EPSILON = 1e-8


class LARS(Optimizer):
    """SGD with momentum whose step is, for each weight, in proportion to the weight's norm.

    In a group with ``adapt`` the gradient g of a weight w, decay included, is scaled by
    ``trust`` |w| / (|g| + decay |w|). A group without it is plain SGD with momentum.
    """

    def __init__(
        self, groups: list[dict[str, Any]], momentum: float = 0.9, trust: float = 1e-3
    ) -> None:
        defaults = {"lr": 0.0, "momentum": momentum, "trust": trust}
        super().__init__(groups, {**defaults, "weight_decay": 0.0, "adapt": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if "velocity" not in state:
                    state["velocity"] = torch.zeros_like(weight)
                velocity = state["velocity"].mul_(group["momentum"])
                if group["adapt"]:
                    # In place: fresh memory for every kernel costs as much as the arithmetic.
                    ratio, decay = _trust_ratio(weight, group), group["weight_decay"]
                    velocity.addcmul_(weight.grad, ratio).addcmul_(weight, decay * ratio)
                else:
                    velocity.add_(weight.grad)
                weight.sub_(velocity, alpha=group["lr"])
        return loss


def _trust_ratio(weight: torch.Tensor, group: dict[str, Any]) -> torch.Tensor:
    """What the gradient, decay included, is scaled by, (); 1 where a norm is zero."""
    size, slope = weight.norm(), weight.grad.norm()  # type: ignore[union-attr]
    ratio = group["trust"] * size / (slope + group["weight_decay"] * size + EPSILON)
    return torch.where((size > 0) & (slope > 0), ratio, torch.ones_like(ratio))


def make_lars(
    module: nn.Module,
    rate: float,
    bias_rate: float,
    weight_decay: float,
    apart: Sequence[tuple[float, nn.Parameter]] = (),
) -> LARS:
    """LARS over all parameters: matrices and kernels adapted, vectors and scalars plain.

    Biases, norms and learned loss weights get ``bias_rate``, no decay and no adaptation, as in
    Barlow Twins; parameters ``apart`` get the rate beside them, and no momentum either.
    """
    own = {id(p) for _, p in apart}
    trained = [p for p in module.parameters() if p.requires_grad and id(p) not in own]
    weights = [p for p in trained if p.ndim > 1]
    vectors = [p for p in trained if p.ndim <= 1]
    return LARS(
        [
            {"params": weights, "lr": rate, "weight_decay": weight_decay},
            {"params": vectors, "lr": bias_rate, "adapt": False},
            *(
                {"params": [p], "lr": own_rate, "adapt": False, "momentum": 0.0}
                for own_rate, p in apart
            ),
        ]
    )
