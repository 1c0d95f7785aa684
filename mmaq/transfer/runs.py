"""One run: split the scenes by place, train on one side, predict the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from mmaq.config.parts import TransferPart
from mmaq.config.transfer import Transfer
from mmaq.evaluation.encoders import device
from mmaq.evaluation.unavailable import Unavailable
from mmaq.transfer.encoder import Encoder
from mmaq.transfer.fuel import predict_fuel, train_fuel
from mmaq.transfer.layout import CLASSES, UNKNOWN
from mmaq.transfer.metrics import confusion_cells
from mmaq.transfer.networks import FuelNetwork, PlumeNetwork
from mmaq.transfer.plume import count_pixels, predict_plume, train_plume
from mmaq.transfer.scenes import Scenes, band_statistics, load_scenes
from mmaq.transfer.split import Split, split_scenes
from mmaq.transfer.store import PlantStore


class Run(NamedTuple):
    """Test scenes of one seed: rows of the index, counts for the metrics, outcomes to keep."""

    test: pd.DataFrame
    counts: np.ndarray
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
            counts, outcomes = _classify(encoder, scenes, index, split, config, part, seed)
        else:
            counts = outcomes = _segment(encoder, scenes, masks, split, config, part, seed)
    return Run(index.iloc[split.test], counts, outcomes, len(split.train))


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
    encoder: Encoder, scenes: Scenes, index: pd.DataFrame, split: Split, config: Transfer,
    part: TransferPart, seed: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    fuel, location = index["fuel"].to_numpy(), index["location"].to_numpy(str)
    network = FuelNetwork(encoder.network, part.protocol, encoder.width).to(device())
    train_fuel(network, scenes, fuel, location, split.train, config, seed)
    prediction = predict_fuel(network, scenes, split.test)
    names = np.array(CLASSES)
    outcomes = np.column_stack([names[fuel[split.test]], names[prediction]])
    return confusion_cells(fuel[split.test], prediction), outcomes


def _segment(
    encoder: Encoder, scenes: Scenes, masks: np.ndarray, split: Split, config: Transfer,
    part: TransferPart, seed: int,
) -> np.ndarray:  # fmt: skip
    network = PlumeNetwork(encoder.network, part.protocol).to(device())
    train_plume(network, scenes, split.train, config, seed)
    prediction = predict_plume(network, scenes, split.test, masks.shape[-1])
    return count_pixels(masks[split.test], prediction)
