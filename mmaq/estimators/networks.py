"""Networks that a fold trains: fine-tuned encoders, and networks from random weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from mmaq.base.errors import Unavailable
from mmaq.config.evaluation import Finetune as FinetuneConfig
from mmaq.config.evaluation import Supervised as SupervisedConfig
from mmaq.config.learning import Encoders
from mmaq.estimators.encoders import images_of, load_network, need_modalities, require
from mmaq.estimators.entry import Entry, Predict
from mmaq.evaluate.task import Task
from mmaq.learn.data import load_inputs
from mmaq.learn.devices import device
from mmaq.learn.networks import NETWORKS, finetune, from_scratch, train_supervised
from mmaq.statistics.splits import Fold


def finetune_entry(
    task: Task, checkpoint: Path | None, method: str, config: FinetuneConfig, calibrated: bool
) -> Entry:
    """Fine-tuning of the encoders of ``method``."""
    modalities = images_of(method)

    def prepare() -> Predict:
        encoders, statistics = load_network(require(task, method, checkpoint), method)
        inputs = load_inputs(task.store, task.table)

        def predict(fold: Fold, seed: int) -> np.ndarray:
            return finetune(
                encoders, statistics, inputs, fold.train, task.target[fold.train], fold.test,
                modalities, config, seed,
            )  # fmt: skip

        return predict

    return Entry(method, "finetune", "+".join(modalities), prepare, calibrated=calibrated)


Protocol = Literal["scratch", "supervised"]


def supervised_entry(
    task: Task,
    encoders: Encoders,
    protocol: Protocol,
    method: str,
    config: SupervisedConfig,
    joint: Sequence[str] = (),
) -> Entry:
    """Training of ``method`` from random weights.

    With several pollutants in ``joint`` a network learns them all at once, on the training
    stations that measure them all; its prediction of the task's own is what counts.
    """
    network = from_scratch(images_of(method)) if protocol == "scratch" else NETWORKS[method]

    def prepare() -> Predict:
        need_modalities(task, network.modalities)
        inputs = load_inputs(task.store, task.table).to(device())

        several = len(joint) > 1
        target = task.table[list(joint)].to_numpy(float) if several else task.target
        known = np.isfinite(target).all(axis=1) if several else np.full(task.size, True)

        def predict(fold: Fold, seed: int) -> np.ndarray:
            train = fold.train[known[fold.train]]
            if len(train) < 2:
                raise Unavailable(f"no two training stations measure {', '.join(joint)}")
            found = train_supervised(
                network, encoders, inputs, train, target[train], fold.test, config, seed
            )
            return found[:, joint.index(task.pollutant)] if several else found

        return predict

    return Entry(method, protocol, "+".join(network.modalities), prepare)
