"""Methods for tests of the engine: without batch norm, or made to collapse."""

from __future__ import annotations

import torch
from torch import distributed, nn

from mmaq.config.learning import Pretrain
from mmaq.learn.methods.base import Method


class Linear(Method):
    """A linear layer on the mean of each band, whose loss is a mean over samples.

    Nothing in it joins samples, so that processes that share a batch learn what one does.
    """

    def __init__(self, config: Pretrain) -> None:
        super().__init__(config)
        self.modalities = ("s2", "table")
        self.encoders.clear()
        self.encoders["s2"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 8))
        self.encoders["table"] = nn.Linear(16, 8)
        self.encoders.widths = {"s2": 8, "table": 8}
        self.register_buffer("teacher", torch.zeros(8))
        self.shares: list[float] = []

    def forward(self, first, second):
        parts = [
            self.encoders["s2"](view["s2"]) + self.encoders["table"](view["table"])
            for view in (first, second)
        ]
        loss = (parts[0] - parts[1] - self.teacher).square().sum(1).mean()
        processes = distributed.get_world_size() if distributed.is_initialized() else 1
        return {"loss": loss, "processes": torch.tensor(float(processes))}

    def after_step(self, progress):
        self.shares.append(progress)
        weight = self.encoders["table"].weight.detach()
        self.teacher.lerp_(weight.mean(1), 0.1 * (1 - progress))


class Collapsing(Linear):
    """Its loss is lowest where every embedding is the same."""

    def forward(self, first, second):
        values = self.encoders["s2"](first["s2"]), self.encoders["table"](second["table"])
        loss = sum(value.var(dim=0).sum() for value in values)
        return {"loss": loss}
