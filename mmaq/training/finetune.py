"""Fine-tuning: from the solution of a linear probe, with a low rate for the encoders."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmaq.config.evaluation import Finetune
from mmaq.models import Encoders
from mmaq.ridge import fit_ridge
from mmaq.training.data import Inputs
from mmaq.training.draws import Draws
from mmaq.training.embed import BATCH
from mmaq.training.geometry import draw_symmetry, turn
from mmaq.training.schedule import cosine_with_warmup
from mmaq.training.statistics import Statistics
from mmaq.training.views import fit_size

WARMUP_SHARE = 0.1
FLIP, ROTATE = 0.5, 0.75
"""With these probabilities all eight symmetries of the square are equally likely."""


class Regressor(nn.Module):
    """Encoders of some modalities and a linear head on their joined, standardised embeddings."""

    mean: Tensor
    sd: Tensor

    def __init__(self, encoders: Encoders, modalities: Sequence[str]) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict({name: copy.deepcopy(encoders[name]) for name in modalities})
        width = sum(encoders.widths[name] for name in modalities)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("sd", torch.ones(width))
        self.head = nn.Linear(width, 1)

    def embed(self, inputs: dict[str, Tensor]) -> Tensor:
        """Joined embeddings, (b, width)."""
        return torch.cat([self.encoders[name](inputs[name]) for name in self.encoders], dim=1)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Standardised target, (b,)."""
        return self.head((self.embed(inputs) - self.mean) / self.sd).squeeze(1)


def finetune(
    encoders: Encoders,
    statistics: Statistics,
    inputs: Inputs,
    train_rows: np.ndarray,
    y_train: np.ndarray,
    test_rows: np.ndarray,
    modalities: Sequence[str],
    config: Finetune,
    seed: int,
) -> np.ndarray:
    """Fine-tune a copy of the encoders on the training stations and predict the test stations.

    The head starts at the ridge probe's solution on frozen embeddings and all weights move on from
    there (LP-FT, Kumar et al. 2022, arXiv:2202.10054): from a random head the first steps would
    spoil the encoders. Batch norm keeps its pretrained statistics: the run starts exactly at the
    probe's predictions, and batches of some tens of stations would give noisier ones. Flips and
    rotations are the only augmentation; they leave what a station measures unchanged. The number
    of epochs is fixed: no station chooses when to stop.

    Args:
        encoders: pretrained encoders; not changed.
        statistics: their normalisation.
        inputs: inputs of all stations; every given row must have every modality.
        train_rows: positions in ``inputs`` of the training stations, (n,).
        y_train: their target in any unit, (n,).
        test_rows: positions of the test stations, (m,).
        modalities: those of the encoders that are used.
        config: epochs, batch and rates.
        seed: of the order and the augmentation.

    Returns:
        Predictions in the target's unit, (m,) float64.
    """
    device = next(encoders.parameters()).device
    inputs = inputs.to(device)
    model = Regressor(encoders, modalities).to(device).eval()
    centre, spread = float(np.mean(y_train)), float(np.std(y_train)) or 1.0
    target = torch.from_numpy((np.asarray(y_train) - centre) / spread).float().to(device)
    train, test = (torch.from_numpy(np.asarray(rows)) for rows in (train_rows, test_rows))

    def load(rows: Tensor) -> dict[str, Tensor]:
        return {
            name: fit_size(name, inputs.standardised(name, rows, statistics), encoders.config)
            for name in modalities
        }

    with torch.no_grad():
        start_at_probe(model, torch.cat([model.embed(load(x)) for x in train.split(BATCH)]), target)
    steps = config.epochs * math.ceil(len(train) / config.batch_size)
    optimiser, schedule = _make_optimiser(model, config, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(config.epochs):
        order = torch.randperm(len(train), generator=generator)
        for part in order.split(config.batch_size):
            symmetry = draw_symmetry(Draws(generator, len(part)), FLIP, ROTATE)
            batch = {
                name: values if name == "table" else turn(values, symmetry)
                for name, values in load(train[part]).items()
            }
            loss = (model(batch) - target[part.to(device)]).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.no_grad():
        values = torch.cat([model(load(part)) for part in test.split(BATCH)])
    return values.double().cpu().numpy() * spread + centre


def start_at_probe(model: Regressor, embeddings: Tensor, target: Tensor) -> None:
    """Set the head to the ridge probe's solution on these embeddings."""
    model.mean.copy_(embeddings.mean(dim=0))
    model.sd.copy_(embeddings.std(dim=0, correction=0).clamp(min=1e-6))
    standardised = ((embeddings - model.mean) / model.sd).double().cpu().numpy()
    weights, intercept = fit_ridge(standardised, target.double().cpu().numpy())
    model.head.weight.copy_(torch.from_numpy(weights).to(model.head.weight)[None])
    model.head.bias.fill_(intercept)


def _make_optimiser(
    model: Regressor, config: Finetune, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LambdaLR]:
    """AdamW with a rate for the encoders and one for the head, and their cosine."""
    groups: list[dict[str, Any]] = [
        {"params": model.encoders.parameters(), "lr": config.learning_rate * config.encoder_rate},
        {"params": model.head.parameters(), "lr": config.learning_rate},
    ]
    optimiser = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    warmup = round(WARMUP_SHARE * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: cosine_with_warmup(step, steps, warmup)
    )
    return optimiser, schedule
