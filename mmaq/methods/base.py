"""The shape that every self-supervised method has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from mmaq.config.learning import Pretrain
from mmaq.models import Encoders

View = Mapping[str, Tensor]
"""Standardised inputs of one view by modality; shapes as in :class:`mmaq.models.Encoders`."""


class Method(nn.Module, ABC):
    """Encoders, what stands on them during pretraining, and a loss of two views."""

    encoders: Encoders

    @abstractmethod
    def __init__(self, config: Pretrain) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss under "loss" and its named terms, all scalars."""

    def monitored(self) -> dict[str, float]:
        """Learned scalars to log beside the terms."""
        return {}


def make_projector(inputs: int, width: int) -> nn.Sequential:
    """Three layers, in to ``width``, as in Barlow Twins; each call makes layers of its own."""
    return nn.Sequential(
        nn.Linear(inputs, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
        nn.Linear(width, width, bias=False),
        nn.BatchNorm1d(width),
        nn.ReLU(inplace=True),
        nn.Linear(width, width, bias=False),
    )
