"""One loop that trains networks on labels: fine-tuning, from scratch, and the transfer tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmaq.config.evaluation import Finetune, Supervised
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.config.transfer import Transfer
from mmaq.learn.data import Inputs, Statistics
from mmaq.learn.devices import computing_in
from mmaq.learn.embed import whole_batches
from mmaq.learn.views import Draws, draw_symmetry, fit_size, orientations, turn
from mmaq.vocabulary import IMAGES

WARMUP_SHARE = 0.1
FLIP, ROTATE = 0.5, 0.75
"""With these probabilities all eight symmetries of the square are equally likely."""
DEPTH = 2
"""Names are cut to so many parts: ``layer1.0`` is a layer, and so is ``conv1``."""
CLIP = 1.0
"""Largest norm of the gradient in a step: one batch of a few odd stations must not throw a network
that has seen little yet."""
END = 1e-3
"""Rate after the last step, as a share of the peak."""

AUXILIARY = "auxiliary"
"""What a network's input is called that its head reads as it is."""

Loss = Callable[[Tensor, torch.Generator], Tensor]
"""Of a batch, by the positions of its samples, (b,) int64; the generator draws augmentation."""


def fit(
    loss: Loss,
    groups: Sequence[dict[str, Any]],
    count: int,
    config: Finetune | Supervised | Transfer,
    seed: int,
) -> None:
    """Minimise ``loss`` by AdamW along a cosine with warm-up.

    The number of epochs is fixed: no sample chooses when to stop. Batches are about equal, and
    none is smaller than ``batch_size`` where there are as many samples: batch norm needs several.

    Args:
        loss: what is minimised; sees each sample once an epoch.
        groups: parameter groups with their rates.
        count: number of training samples.
        config: epochs, batch size, weight decay and precision.
        seed: of the order and the augmentation.
    """
    groups = [{**group, "params": list(group["params"])} for group in groups]
    weights = [weight for group in groups for weight in group["params"]]
    parts = max(1, count // config.batch_size)
    steps = config.epochs * parts
    twins = {weight: nn.Parameter(as_stored(weight.detach())) for weight in weights}
    groups = [{**group, "params": [twins[each] for each in group["params"]]} for group in groups]
    optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
    warmup = round(WARMUP_SHARE * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: cosine_with_warmup(step, steps, warmup)
    )
    generator = torch.Generator().manual_seed(seed)
    for _ in range(config.epochs):
        order = torch.randperm(count, generator=generator)
        for part in order.tensor_split(parts):
            with computing_in(config.precision, weights[0].device):
                error = loss(part, generator)
            for weight in weights:
                weight.grad = None
            error.backward()
            torch.nn.utils.clip_grad_norm_(weights, CLIP)
            for weight, twin in twins.items():
                twin.grad = None if weight.grad is None else as_stored(weight.grad)
            optimiser.step()
            schedule.step()


def as_stored(values: Tensor) -> Tensor:
    """A view of a weight, or of its gradient, whose elements follow each other as in memory.

    Those of a kernel lie channels last. Fused AdamW copies a gradient that it finds otherwise: a
    tenth of a step.
    """
    return values.permute(0, 2, 3, 1) if values.ndim == 4 else values


def cosine_with_warmup(step: int, steps: int, warmup: int) -> float:
    """Share of the peak rate at ``step`` (0-based) of ``steps``.

    Rises linearly over the first ``warmup`` steps, reaches 1 at step ``warmup``, then falls to
    ``END`` along half a cosine (Loshchilov and Hutter 2017, SGDR, arXiv:1608.03983).
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = min((step - warmup) / max(steps - warmup, 1), 1.0)
    return END + (1 - END) * (1 + math.cos(math.pi * progress)) / 2


def layer_groups(encoder: nn.Module, rate: float, first: float) -> list[dict[str, Any]]:
    """Parameter groups of an encoder, from its first layer to its last.

    Rates rise geometrically from ``first * rate`` at the first layer to ``rate`` at the last: low
    layers hold what all images share (ULMFiT's discriminative fine-tuning, Howard and Ruder 2018,
    arXiv:1801.06146, section 3.2).

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


@dataclass(frozen=True)
class Reads:
    """What a network reads of n stations, each of which has every one of ``modalities``.

    Attributes:
        inputs: of all stations, on the network's device.
        statistics: the normalisation.
        sizes: ``s2_input`` and ``s5p_input`` are the sides that the network sees.
        modalities: of "s2", "s5p", "table".
        auxiliary: standardised features that the head reads too, (n, d) on the network's device.
    """

    inputs: Inputs
    statistics: Statistics
    sizes: EncodersConfig
    modalities: tuple[str, ...]
    auxiliary: Tensor | None = None

    def load(self, rows: Tensor) -> dict[str, Tensor]:
        """Standardised inputs of the stations at ``rows``, (b,) int64 on the host."""
        found = {
            name: fit_size(name, self.inputs.standardised(name, rows, self.statistics), self.sizes)
            for name in self.modalities
        }
        if self.auxiliary is not None:
            found[AUXILIARY] = self.auxiliary[rows.to(self.auxiliary.device)]
        return found

    def draw(self, rows: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """The same, each station in random one of its eight orientations."""
        return turned(self.load(rows), draw_symmetry(Draws(generator, len(rows)), FLIP, ROTATE))


def turned(inputs: dict[str, Tensor], symmetry: Tensor) -> dict[str, Tensor]:
    """Inputs whose images have the orientations ``symmetry``, (b, 3) as of ``draw_symmetry``."""
    return {
        name: turn(values, symmetry) if name in IMAGES else values
        for name, values in inputs.items()
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        centre, spread = np.asarray(self.centre), np.asarray(self.spread)
        return {"centre": centre.tolist(), "spread": spread.tolist()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scale:
        """The inverse of :meth:`to_dict`."""
        return cls(np.asarray(values["centre"]), np.asarray(values["spread"]))


def squared_error(model: nn.Module, reads: Reads, rows: Tensor, target: Tensor) -> Loss:
    """The mean squared error of stations in random one of eight orientations.

    Flips and rotations are the only augmentation; they leave what a station measures unchanged.

    Args:
        model: maps what ``reads`` loads to (b,) or (b, k).
        reads: inputs.
        rows: positions of the training stations in ``reads``, (n,) int64 on the host.
        target: their standardised target, (n,) or (n, k) on the model's device.
    """

    def loss(part: Tensor, generator: torch.Generator) -> Tensor:
        batch = reads.draw(rows[part], generator)
        return (model(batch) - target[part.to(target.device)]).square().mean()

    return loss


@torch.no_grad()
def predict(model: nn.Module, reads: Reads, rows: Tensor) -> Tensor:
    """Standardised predictions in evaluation mode, (m,) or (m, k); the model stays in that mode.

    The mean over the eight orientations, all of which training shows alike: what a station measures
    does not depend on how its images are turned.
    """
    model.eval()
    found = []
    for part, count in whole_batches(rows):
        batch = reads.load(part)
        made = [model(turned(batch, one.expand(len(part), 3))) for one in orientations()]
        found.append(torch.stack(made).mean(dim=0)[:count])
    return torch.cat(found)
