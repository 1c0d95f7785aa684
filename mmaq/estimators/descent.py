"""The paper's linear head on frozen encoders: a layer, by stochastic gradient descent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmaq.estimators.base import Fitted, Places, State, Training
from mmaq.estimators.probes import Probe, Reader
from mmaq.learn.fit import Scale

EPOCHS = 90
BATCH = 128
MOMENTUM = 0.9
RATE = 0.1 * 1e-3
"""The paper's: 0.2 * 128 / 256, and its factor of 1e-3 on the loss, which for SGD is one on the
rate."""


class Descent(Probe):
    """The paper's head: one linear layer, by SGD on the squared error of the z-scored target.

    Momentum 0.9, batches of 128, 90 epochs along a cosine, no weight decay: as the released code.
    Other than there, embeddings are standardised, since that rate suits no width and scale but
    its own; they are computed once, without random crops; and the layer starts at zero, the mean
    of the training stations.
    """

    def fit(self, train: Training, *, seed: int) -> DescentHead:
        """Descend."""
        blocks, scaling, features = self.read(train, seed)
        scale = Scale.of(train.target)
        weights, bias = descend(torch.from_numpy(features).float(), scale.down(train.target), seed)
        return DescentHead(Reader(blocks, scaling), weights, bias, scale)


@dataclass(frozen=True)
class DescentHead(Fitted):
    """A layer on standardised features that gives the standardised target, float32."""

    kind = "descent"

    reader: Reader
    weights: Tensor
    bias: Tensor
    scale: Scale

    def mean(self, places: Places) -> np.ndarray:
        """Concentration, (n,) in ug/m3; NaN where a place lacks an image."""
        features, held = self.reader.read(places)
        values = torch.from_numpy(features).float() @ self.weights + self.bias
        return np.where(held, self.scale.up(values), np.nan)

    def state(self) -> State:
        """Reader, layer and scale."""
        about, arrays = self.reader.state()
        own = {"weights": self.weights.numpy(), "bias": self.bias.numpy()}
        return {**about, "scale": self.scale.to_dict()}, {**arrays, **own}

    @classmethod
    def from_state(cls, about: dict, arrays: dict[str, np.ndarray]) -> DescentHead:
        """The inverse of :meth:`state`."""
        weights, bias = (torch.from_numpy(np.array(arrays[name])) for name in ("weights", "bias"))
        return cls(Reader.from_state(about, arrays), weights, bias, Scale.from_dict(about["scale"]))


def descend(features: Tensor, target: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Weights (d,) and bias of a linear layer, by SGD on (n, d) and (n,); ``seed`` draws the order.

    The gradient is written out: torch's tape and optimiser take four times as long as the layer.
    """
    rows = torch.cat([features, torch.ones(len(features), 1)], dim=1)
    weights = torch.zeros(rows.shape[1])
    velocity = torch.zeros_like(weights)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(EPOCHS):
        rate = RATE * (1.0 + math.cos(math.pi * epoch / EPOCHS)) / 2.0
        for part in torch.randperm(len(rows), generator=generator).split(BATCH):
            batch = rows[part]
            error = batch @ weights - target[part]
            velocity.mul_(MOMENTUM).add_(error @ batch, alpha=2.0 / len(part))
            weights.sub_(velocity, alpha=rate)
    return weights[:-1], weights[-1]
