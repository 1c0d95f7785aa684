"""Fine-tuning: from the solution of a linear probe, with a low rate for the encoders.

Supervised training from random weights, on the training stations alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mmaq.config.evaluation import Finetune, Supervised
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.data import Inputs, Statistics, compute_statistics
from mmaq.learn.embed import BATCH
from mmaq.learn.fit import Scale, Stations, fit, layer_groups, predict
from mmaq.learn.models.aqnet import AQNet
from mmaq.learn.models.encoders import Encoders
from mmaq.learn.models.two_stream import TwoStream
from mmaq.statistics.ridge import fit_ridge


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
    probe's predictions, and batches of some tens of stations would give noisier ones.

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
    stations = Stations(inputs.to(device), statistics, encoders.config, tuple(modalities))
    model = Regressor(encoders, modalities).to(device).eval()
    scale = Scale.of(y_train)
    target = scale.down(y_train).to(device)
    train, test = (torch.from_numpy(np.asarray(rows)) for rows in (train_rows, test_rows))
    with torch.no_grad():
        embeddings = [model.embed(stations.load(part)) for part in train.split(BATCH)]
        start_at_probe(model, torch.cat(embeddings), target)
    encoder_rate = config.learning_rate * config.encoder_rate
    groups = [{"params": model.head.parameters(), "lr": config.learning_rate}]
    for encoder in model.encoders.values():
        groups += layer_groups(encoder, encoder_rate, config.first_rate)
    fit(model, groups, stations, train, target, config, seed)
    return scale.up(predict(model, stations, test))


def start_at_probe(model: Regressor, embeddings: Tensor, target: Tensor) -> None:
    """Set the head to the ridge probe's solution on these embeddings."""
    model.mean.copy_(embeddings.mean(dim=0))
    model.sd.copy_(embeddings.std(dim=0, correction=0).clamp(min=1e-6))
    standardised = ((embeddings - model.mean) / model.sd).double().cpu().numpy()
    weights, intercept = fit_ridge(standardised, target.double().cpu().numpy())
    model.head.weight.copy_(torch.from_numpy(weights).to(model.head.weight)[None])
    model.head.bias.fill_(intercept)


@dataclass(frozen=True)
class Network:
    """What a network reads, and how it is made with weights from torch's random state.

    ``make`` takes the encoders' sizes and the number of targets.
    """

    modalities: tuple[str, ...]
    make: Callable[[EncodersConfig, int], nn.Module]


NETWORKS = {
    "aqnet": Network(AQNet.modalities, lambda _, targets: AQNet(targets)),
    "two_stream": Network(TwoStream.modalities, TwoStream),
}


def from_scratch(modalities: tuple[str, ...]) -> Network:
    """The encoders that a method pretrains, and a linear head of one target, all random."""
    return Network(
        modalities, lambda config, _: Regressor(Encoders(config, modalities), modalities)
    )


def train_supervised(
    network: Network,
    encoders: EncodersConfig,
    inputs: Inputs,
    train_rows: np.ndarray,
    y_train: np.ndarray,
    test_rows: np.ndarray,
    config: Supervised,
    seed: int,
) -> np.ndarray:
    """Train all weights on the training stations and predict the test stations.

    Nothing else is seen: the statistics of the inputs are those of the training stations, and the
    number of epochs is fixed.

    Args:
        network: what is trained, on the device of ``inputs``.
        encoders: sizes of the encoders and of what they see.
        inputs: inputs of all stations; every given row must have every modality of ``network``.
        train_rows: positions in ``inputs`` of the training stations, (n,).
        y_train: their target in any unit, (n,), or several that are learned at once, (n, k).
        test_rows: positions of the test stations, (m,).
        config: epochs, batch and rate.
        seed: of the weights, the dropout, the order and the augmentation.

    Returns:
        Predictions in the target's unit, (m,) or (m, k) float64.
    """
    statistics = compute_statistics(inputs.take(np.asarray(train_rows)))
    stations = Stations(inputs, statistics, encoders, network.modalities)
    scale = Scale.of(y_train)
    target = scale.down(y_train).to(inputs.device)
    train, test = (torch.from_numpy(np.asarray(rows)) for rows in (train_rows, test_rows))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        targets = 1 if y_train.ndim == 1 else y_train.shape[1]
        model = network.make(encoders, targets).to(inputs.device).train()
        model = model.to(memory_format=torch.channels_last)  # a quarter off AQNet's steps
        groups = [{"params": model.parameters(), "lr": config.learning_rate}]
        fit(model, groups, stations, train, target, config, seed)
    return scale.up(predict(model, stations, test))
