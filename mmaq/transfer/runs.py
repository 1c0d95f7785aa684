"""One run of a transfer task: its encoder, its split, training and prediction."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn

from mmaq.base.errors import ConfigError, Unavailable
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.config.parts import TransferPart
from mmaq.config.transfer import Transfer
from mmaq.estimators.encoders import load_network
from mmaq.learn.devices import device
from mmaq.learn.models.encoders import Encoders
from mmaq.statistics.splits import Fold, split_scenes
from mmaq.transfer.fuel import predict_fuel, train_fuel
from mmaq.transfer.labels import UNKNOWN
from mmaq.transfer.networks import FuelNetwork, PlumeNetwork
from mmaq.transfer.plume import count_pixels, predict_plume, train_plume
from mmaq.transfer.scenes import Scenes, band_statistics, load_scenes
from mmaq.transfer.store import PlantStore
from mmaq.vocabulary import FUEL_CLASSES

S2 = "s2"


class Encoder(NamedTuple):
    """A network (n, 12, h, w) to (n, ``width``), on the GPU where there is one."""

    network: nn.Module
    width: int


def load_encoder(
    checkpoint: Path | None, sizes: EncodersConfig, side: int, part: TransferPart, seed: int
) -> Encoder:
    """The pretrained encoder, read anew; from scratch one of ``sizes`` with the seed's weights.

    Raises:
        Unavailable: there is no checkpoint.
        CheckpointError: the checkpoint cannot be read, is another method's, or has no encoder of
            Sentinel-2.
        ConfigError: the encoder cannot see images of ``side`` pixels.
    """
    if part.protocol == "scratch":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoders = Encoders(sizes.model_copy(update={"s2_input": side}), (S2,)).to(device())
    elif checkpoint is None:
        raise Unavailable("no encoders were pretrained")
    else:
        encoders, _ = load_network(checkpoint, part.method)
    sees = encoders.config
    if sees.s2 == "vit_small" and sees.s2_input != side:
        fault = f"vit_small was made for {sees.s2_input} pixels a side, not for {side}"
        raise ConfigError("transfer.size", fault, f"Set it to {sees.s2_input}")
    return Encoder(encoders[S2], encoders.widths[S2])


class Run(NamedTuple):
    """Test scenes of one seed: rows of the index, what was predicted, number of training scenes."""

    test: pd.DataFrame
    outcomes: np.ndarray
    trained: int


def run_seed(
    store: PlantStore, encoder: Encoder, config: Transfer, part: TransferPart, seed: int
) -> Run:
    """Train on the training scenes and predict the test scenes of a seed's split.

    Statistics are those of the training scenes; no test scene enters anything before it is
    predicted.

    Raises:
        Unavailable: no scene has a label of the task, or there are too few places.
    """
    rows = task_rows(store, part.task)
    index = store.index.iloc[rows].reset_index(drop=True)
    split = split_scenes(index["location"].to_numpy(str), index["fuel"].to_numpy(), seed)
    images, masks = store.images[rows], store.masks[rows]
    scenes = load_scenes(images, masks, band_statistics(images, split.train), config.size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # of the weights of head and decoder
        if part.task == "fuel":
            outcomes = _classify(encoder, scenes, index, split, config, part, seed)
        else:
            outcomes = _segment(encoder, scenes, masks, split, config, part, seed)
    return Run(index.iloc[split.test], outcomes, len(split.train))


def task_rows(store: PlantStore, task: str) -> np.ndarray:
    """Scenes that a task uses.

    The fuel: those whose fuel is known. The plume: those that were outlined, and of the ones
    without a plume at most as many as with one, as in the released code.

    Raises:
        Unavailable: there are none.
    """
    index = store.index
    if task == "fuel":
        rows = np.flatnonzero(index["fuel"] != UNKNOWN)
    else:
        plume = np.flatnonzero(index["has_plume"])
        clear = np.flatnonzero(index["outlined"] & ~index["has_plume"])
        few = np.random.default_rng(0).permutation(clear)[: len(plume)]
        rows = np.sort(np.concatenate([plume, few]))
    if not len(rows):
        raise Unavailable(f"no scene has a label of the task {task}")
    return rows


def _classify(
    encoder: Encoder, scenes: Scenes, index: pd.DataFrame, split: Fold, config: Transfer,
    part: TransferPart, seed: int,
) -> np.ndarray:  # fmt: skip
    fuel, location = index["fuel"].to_numpy(), index["location"].to_numpy(str)
    network = FuelNetwork(encoder.network, part.protocol, encoder.width).to(device())
    train_fuel(network, scenes, fuel, location, split.train, config, seed)
    prediction = predict_fuel(network, scenes, split.test)
    names = np.array(FUEL_CLASSES)
    return np.column_stack([names[fuel[split.test]], names[prediction]])


def _segment(
    encoder: Encoder, scenes: Scenes, masks: np.ndarray, split: Fold, config: Transfer,
    part: TransferPart, seed: int,
) -> np.ndarray:  # fmt: skip
    network = PlumeNetwork(encoder.network, part.protocol).to(device())
    train_plume(network, scenes, split.train, config, seed)
    prediction = predict_plume(network, scenes, split.test, masks.shape[-1])
    return count_pixels(masks[split.test], prediction)
