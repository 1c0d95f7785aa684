"""The shape that every self-supervised method has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from itertools import pairwise

from torch import Tensor, nn

from mmaq.config.learning import Pretrain
from mmaq.learn.models.encoders import Encoders
from mmaq.vocabulary import TRAINED

View = Mapping[str, Tensor]
"""Standardised inputs of one view by modality; shapes as in :class:`Encoders`."""


class Method(nn.Module, ABC):
    """Encoders, what stands on them during pretraining, and a loss of two views.

    A training step is ``forward``, an optimiser's step on the parameters that require a gradient,
    then ``after_step``. Under ``torch.distributed`` the loss, or its mean over processes where
    samples stand alone, is that of the global batch.
    """

    @abstractmethod
    def __init__(self, config: Pretrain) -> None:
        super().__init__()
        self.modalities = TRAINED[config.method]
        self.encoders = Encoders(config.encoders, self.modalities)

    @abstractmethod
    def forward(self, first: View, second: View) -> dict[str, Tensor]:
        """The loss under "loss" and its named terms, all scalars.

        The views must hold ``modalities``; what else they hold is not looked at.
        """

    def after_step(self, progress: float) -> None:
        """Update what no gradient reaches; ``progress`` is the share of the run done, 0 to 1."""

    def own_rates(self) -> list[tuple[float, nn.Parameter]]:
        """Parameters with a rate of their own, for a batch of 256; by plain gradient descent."""
        return []

    def monitored(self) -> dict[str, Tensor]:
        """Learned scalars to log beside the terms, on their device: none is waited for here."""
        return {}


class Projectors(nn.ModuleDict):
    """A projector for each modality: ``make`` builds one for embeddings of a width."""

    def __init__(self, widths: Mapping[str, int], make: Callable[[int], nn.Module]) -> None:
        super().__init__({name: make(width) for name, width in widths.items()})

    def forward(self, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Projections by modality."""
        return {name: self[name](values) for name, values in embeddings.items()}


def make_mlp(*widths: int) -> nn.Sequential:
    """Linear layers from each width to the next, batch norm and ReLU between, all without bias.

    With three layers the projector of Barlow Twins. Each call makes layers of its own.
    """
    layers: list[nn.Module] = []
    for wide_in, wide_out in pairwise(widths):
        if layers:
            layers += [nn.BatchNorm1d(wide_in), nn.ReLU(inplace=True)]
        layers.append(nn.Linear(wide_in, wide_out, bias=False))
    return nn.Sequential(*layers)
