"""Stage: fine-tuning of one method on one split, a hold-out a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmaq.config.evaluation import Evaluate
from mmaq.config.evaluation import Finetune as FinetuneConfig
from mmaq.evaluation.encoders import images_of, limited_threads, load_network, require
from mmaq.evaluation.entry import Entry, Predict
from mmaq.evaluation.measure import measure_all
from mmaq.evaluation.splits import Fold
from mmaq.evaluation.task import Task, read_task
from mmaq.training.data import load_inputs
from mmaq.training.finetune import finetune


def evaluate_finetune(
    sites: Path,
    store: Path,
    checkpoint: Path | None,
    config: Evaluate,
    dataset: str,
    method: str,
    split: str,
    out: Path,
    predictions: Path,
) -> None:
    """Write the rows (CSV) and test predictions (Parquet) of one fine-tuned method on one split.

    For each seed the encoders are tuned on the training stations of that seed's fold 0 and tested
    on its test stations.

    Args:
        sites: contract 2.
        store: contract 3, a folder.
        checkpoint: contract 4, of the run that ``checkpoint_of(method)`` names; without it the
            rows are skipped.
        config: folds, seeds, fine-tuning.
        dataset: name of the data set in the rows.
        method: a ``Pretrained`` of the configuration.
        split: "random", "blocks" or "country".
        out: part of the benchmark table.
        predictions: test predictions of every seed.

    Raises:
        TableError: the site table is broken or holds too few stations.
        StoreError: the patch store is missing or damaged.
        CheckpointError: the checkpoint cannot be read, or is another method's.
    """
    calibrated = method in config.calibrated
    with limited_threads(config.threads):
        tasks = [read_task(sites, store, dataset, pollutant) for pollutant in config.pollutants]
        work = [
            (task, finetune_entry(task, checkpoint, method, config.finetune, calibrated))
            for task in tasks
        ]
        measure_all(work, [split], config, True, out, predictions)


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
