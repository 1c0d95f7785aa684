"""Supervised training from random weights, on the training stations alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from mmaq.config.evaluation import Supervised
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.models import Encoders
from mmaq.models.aqnet import AQNet
from mmaq.models.two_stream import TwoStream
from mmaq.training.data import Inputs
from mmaq.training.finetune import Regressor
from mmaq.training.regression import Scale, Stations, fit, predict
from mmaq.training.statistics import compute_statistics


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
