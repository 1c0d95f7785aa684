"""One run of a transfer task by a network: its encoder, training and prediction."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from mmaq.base.errors import ConfigError, Unavailable
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.config.transfer import Transfer
from mmaq.estimators.encoders import load_network
from mmaq.learn.devices import device
from mmaq.learn.models.encoders import Encoders
from mmaq.statistics.metrics import count_pixels
from mmaq.transfer.fuel import predict_fuel, train_fuel
from mmaq.transfer.holdouts import Holdout
from mmaq.transfer.networks import FuelNetwork, PlumeNetwork
from mmaq.transfer.plume import predict_plume, train_plume
from mmaq.transfer.scenes import Scenes, band_statistics, load_scenes
from mmaq.vocabulary import TransferTask

S2 = "s2"


class Encoder(NamedTuple):
    """A network (n, 12, h, w) to (n, ``width``), on the GPU where there is one."""

    network: nn.Module
    width: int


def load_encoder(
    checkpoint: Path | None,
    sizes: EncodersConfig,
    side: int,
    method: str,
    protocol: str,
    seed: int,
) -> Encoder:
    """The pretrained encoder, read anew; from scratch one of ``sizes`` with the seed's weights.

    Raises:
        Unavailable: there is no checkpoint.
        CheckpointError: the checkpoint cannot be read, is another method's, or has no encoder of
            Sentinel-2.
        ConfigError: the encoder cannot see images of ``side`` pixels.
    """
    if protocol == "scratch":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoders = Encoders(sizes.model_copy(update={"s2_input": side}), (S2,)).to(device())
    elif checkpoint is None:
        raise Unavailable("no encoders were pretrained")
    else:
        encoders, _ = load_network(checkpoint, method)
    sees = encoders.config
    if sees.s2 == "vit_small" and sees.s2_input != side:
        fault = f"vit_small was made for {sees.s2_input} pixels a side, not for {side}"
        raise ConfigError("transfer.size", fault, f"Set it to {sees.s2_input}")
    return Encoder(encoders[S2], encoders.widths[S2])


def predict_by_network(
    holdout: Holdout,
    encoder: Encoder,
    config: Transfer,
    task: TransferTask,
    protocol: str,
    seed: int,
) -> np.ndarray:
    """Train on the training scenes and predict the test scenes.

    Statistics are those of the training scenes; no test scene enters anything before it is
    predicted. Classes of the fuel (m,), or numbers of pixels (m, 4).
    """
    statistics = band_statistics(holdout.images, holdout.split.train)
    scenes = load_scenes(holdout.images, holdout.masks, statistics, config.size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the weights of head and decoder
        solve = _classify if task == "fuel" else _segment
        return solve(holdout, encoder, scenes, config, protocol, seed)


def _classify(
    holdout: Holdout, encoder: Encoder, scenes: Scenes, config: Transfer, protocol: str, seed: int
) -> np.ndarray:
    network = FuelNetwork(encoder.network, protocol, encoder.width).to(device())
    train_fuel(network, scenes, holdout.fuel, holdout.places, holdout.split.train, config, seed)
    return predict_fuel(network, scenes, holdout.split.test)


def _segment(
    holdout: Holdout, encoder: Encoder, scenes: Scenes, config: Transfer, protocol: str, seed: int
) -> np.ndarray:
    network = PlumeNetwork(encoder.network, protocol).to(device())
    network = network.to(memory_format=torch.channels_last)
    train_plume(network, scenes, holdout.split.train, config, seed)
    masks = holdout.masks
    prediction = predict_plume(network, scenes, holdout.split.test, masks.shape[-1])
    return count_pixels(masks[holdout.split.test], prediction)
