"""Layer-wise rates: the first layers of a pretrained encoder move less than the last.

Training of a network that predicts a station's value: for fine-tuning and from scratch.

The learning rate over a run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmaq.config.evaluation import Finetune, Supervised
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.data import Inputs, Statistics
from mmaq.learn.embed import BATCH
from mmaq.learn.views import Draws, draw_symmetry, fit_size, turn

DEPTH = 2
"""Names are cut to so many parts: ``layer1.0`` is a layer, and so is ``conv1``."""


def layer_groups(encoder: nn.Module, rate: float, first: float) -> list[dict[str, Any]]:
    """Parameter groups of an encoder, from its first layer to its last.

    Rates rise geometrically from ``first * rate`` at the first layer to ``rate`` at the last: low
    layers hold what all images share (ULMFiT's discriminative fine-tuning, Howard and Ruder 2018,
    section 3.2).

    Args:
        encoder: its parameters in the order in which it uses them.
        rate: of the last layer.
        first: rate of the first layer as a share of the last's.
    """
    layers: dict[str, list[nn.Parameter]] = {}
    for name, parameter in encoder.named_parameters():
        layers.setdefault(".".join(name.split(".")[:-1][:DEPTH]), []).append(parameter)
    above = max(len(layers) - 1, 1)
    return [
        {"params": parameters, "lr": rate * first ** (1 - number / above)}
        for number, parameters in enumerate(layers.values())
    ]


WARMUP_SHARE = 0.1

FLIP, ROTATE = 0.5, 0.75
"""With these probabilities all eight symmetries of the square are equally likely."""


@dataclass(frozen=True)
class Stations:
    """What a network reads of n stations, each of which has every one of ``modalities``.

    Attributes:
        inputs: of all stations, on the network's device.
        statistics: the normalisation.
        sizes: ``s2_input`` and ``s5p_input`` are the sides that the network sees.
        modalities: of "s2", "s5p", "table".
    """

    inputs: Inputs
    statistics: Statistics
    sizes: EncodersConfig
    modalities: tuple[str, ...]

    def load(self, rows: Tensor) -> dict[str, Tensor]:
        """Standardised inputs of the stations at ``rows``, (b,) int64 on the host."""
        return {
            name: fit_size(name, self.inputs.standardised(name, rows, self.statistics), self.sizes)
            for name in self.modalities
        }


@dataclass(frozen=True)
class Scale:
    """Centre and spread of the training stations' target, in its unit; of several, (k,) each."""

    centre: np.ndarray | float
    spread: np.ndarray | float

    @classmethod
    def of(cls, target: np.ndarray) -> Scale:
        """Mean and standard deviation; a constant target keeps its unit."""
        spread = np.std(target, axis=0)
        return cls(np.mean(target, axis=0), np.where(spread > 0.0, spread, 1.0))

    def down(self, target: np.ndarray) -> Tensor:
        """To zero mean and unit variance, float32."""
        return torch.from_numpy((np.asarray(target) - self.centre) / self.spread).float()

    def up(self, values: Tensor) -> np.ndarray:
        """Back to the target's unit, float64."""
        return np.asarray(values.double().cpu().numpy() * self.spread + self.centre)


def fit(
    model: nn.Module,
    groups: Sequence[dict[str, Any]],
    stations: Stations,
    rows: Tensor,
    target: Tensor,
    config: Finetune | Supervised,
    seed: int,
) -> None:
    """Train ``model`` on the mean squared error, by AdamW along a cosine with warm-up.

    Flips and rotations are the only augmentation; they leave what a station measures unchanged.
    The number of epochs is fixed: no station chooses when to stop. Batches are about equal, and
    none is smaller than ``batch_size`` where there are as many stations: batch norm needs several.

    Args:
        model: maps what ``stations`` load to (b,) or (b, k); stays in training or evaluation mode.
        groups: parameter groups with their rates.
        stations: inputs.
        rows: positions of the training stations, (n,) int64 on the host.
        target: their standardised target, (n,) or (n, k) on the model's device.
        config: epochs, batch size and weight decay.
        seed: of the order and the augmentation.
    """
    parts = max(1, len(rows) // config.batch_size)
    steps = config.epochs * parts
    optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
    warmup = round(WARMUP_SHARE * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: cosine_with_warmup(step, steps, warmup)
    )
    generator = torch.Generator().manual_seed(seed)
    for _ in range(config.epochs):
        order = torch.randperm(len(rows), generator=generator)
        for part in order.tensor_split(parts):
            symmetry = draw_symmetry(Draws(generator, len(part)), FLIP, ROTATE)
            batch = {
                name: values if name == "table" else turn(values, symmetry)
                for name, values in stations.load(rows[part]).items()
            }
            loss = (model(batch) - target[part.to(target.device)]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()


@torch.no_grad()
def predict(model: nn.Module, stations: Stations, rows: Tensor) -> Tensor:
    """Standardised predictions in evaluation mode, (m,) or (m, k); the model stays in that mode."""
    model.eval()
    return torch.cat([model(stations.load(part)) for part in rows.split(BATCH)])


END = 1e-3
"""Rate after the last step, as a share of the peak."""


def cosine_with_warmup(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at ``step`` (0-based) of ``steps``.

    Rises linearly over the first ``warmup`` steps, reaches 1 at step ``warmup``, then falls to
    ``END`` along half a cosine (Loshchilov and Hutter 2017).
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return END + (1 - END) * (1 + math.cos(math.pi * progress)) / 2
