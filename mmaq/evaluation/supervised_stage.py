"""Stage: networks trained from random weights on one split, a hold-out a seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from mmaq.config.evaluation import Evaluate
from mmaq.config.evaluation import Supervised as SupervisedConfig
from mmaq.config.learning import Encoders
from mmaq.evaluation.encoders import device, images_of, limited_threads, need_modalities
from mmaq.evaluation.entry import Entry, Predict
from mmaq.evaluation.measure import measure_all
from mmaq.evaluation.splits import Fold
from mmaq.evaluation.task import Task, read_task
from mmaq.evaluation.unavailable import Unavailable
from mmaq.training.data import load_inputs
from mmaq.training.supervised import NETWORKS, from_scratch, train_supervised

Protocol = Literal["scratch", "supervised"]


def evaluate_supervised(
    sites: Path,
    store: Path,
    encoders: Encoders,
    config: Evaluate,
    dataset: str,
    protocol: Protocol,
    method: str,
    split: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of one supervised method on one split.

    For each seed a network is trained on the training stations of that seed's fold 0 and tested
    on its test stations, those that fine-tuning is tested on.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        encoders: the encoders' sizes.
        config: folds, seeds, supervised training.
        dataset: name of the data set in the rows.
        protocol: "scratch", the encoders of a pretraining method; "supervised", another network.
        method: a ``Pretrained`` of the configuration with "scratch", else a ``SupervisedName``.
        split: "random", "blocks" or "country".
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
    """
    joint = config.pollutants if config.supervised.joint and protocol == "supervised" else ()
    with limited_threads(config.threads):
        tasks = [read_task(sites, store, dataset, pollutant) for pollutant in config.pollutants]
        work = [
            (task, supervised_entry(task, encoders, protocol, method, config.supervised, joint))
            for task in tasks
        ]
        measure_all(work, [split], config, True, out, predictions)


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
