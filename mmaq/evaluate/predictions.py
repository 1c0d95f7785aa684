"""Test predictions: each estimator fitted to the training stations of each fold in turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.base.errors import Unavailable
from mmaq.base.files import replacing
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.predictions import join_predictions, write_fits
from mmaq.estimators.base import Estimator, Fitted, Places, Training
from mmaq.evaluate.task import Task, check_fold
from mmaq.statistics.splits import outer_folds, related, repeats

log = logging.getLogger(__name__)


Runs = Sequence[Estimator]
"""A method: the estimator of each of its runs, which differ in their pretraining alone."""


@dataclass(frozen=True)
class Tested:
    """Predictions in the columns of ``PREDICTIONS``, and the line of ``FITS`` about them."""

    table: pd.DataFrame
    fit: dict[str, Any]


def predict_all(
    work: Sequence[tuple[Task, Sequence[Runs]]],
    splits: Sequence[str],
    config: Evaluate,
    out: Path,
    fits: Path,
    also: tuple[str, ...] = (),
) -> None:
    """Test each estimator of a task on each split, and write predictions and fits.

    Args:
        work: tasks with the methods to test, which share what is made of the stations.
        splits: names of splits.
        config: folds, seeds, buffer.
        out: test predictions (Parquet).
        fits: a line an estimator and split (CSV).
        also: pollutants that a network learns beside the task's own.
    """
    runs = [
        (task, task_places, method, split)
        for task, methods in work
        for task_places in [task.places]
        for method in methods
        for split in splits
    ]
    log.info("predicting %d methods and splits", len(runs))
    tested = [
        predict_or_skip(task, places, method, split, config, also)
        for task, places, method, split in tqdm(runs, "evaluate", unit="row", disable=None)
    ]
    with replacing(out) as temporary:
        join_predictions(each.table for each in tested).to_parquet(temporary, index=False)
    write_fits(fits, [each.fit for each in tested])
    skipped = sum(each.fit["status"] == "skipped" for each in tested)
    log.info("%s: %d methods and splits, %d of them skipped", out, len(runs), skipped)


def predict_or_skip(
    task: Task,
    places: Places,
    method: Runs,
    split: str,
    config: Evaluate,
    also: tuple[str, ...] = (),
) -> Tested:
    """Test a method; what the data cannot give is a skipped line with its reason."""
    estimator = method[0]
    try:
        tested = predict_folds(task, places, method, split, config, also)
    except Unavailable as reason:
        log.info("%s, %s on %s: skipped: %s", estimator.method, estimator.protocol, split, reason)
        line = {
            **_entry(task, estimator, split), "n_train": 0, "n_test": 0, "seconds": np.nan,
            "status": "skipped", "reason": str(reason),
        }  # fmt: skip
        return Tested(join_predictions([]), line)
    error = tested.table["prediction"] - tested.table["measured"]
    told = "%s, %s on %s: RMSE %.3g ug/m3"
    log.info(told, estimator.method, estimator.protocol, split, np.sqrt((error**2).mean()))
    return tested


def predict_folds(
    task: Task,
    places: Places,
    method: Runs,
    split: str,
    config: Evaluate,
    also: tuple[str, ...] = (),
) -> Tested:
    """Test the runs of a method as :func:`mmaq.statistics.splits.repeats` says.

    Raises:
        Unavailable: the data cannot give the split, or lack what the estimator reads.
    """
    target = task.target  # a pollutant that nobody measures ends it here
    copies = task.copies
    stations = related(
        task.table, split, copies, config.buffer_km, config.block_degrees, config.together
    )
    parts, trained, seconds = [], [], 0.0
    for repeat in repeats(split, config.seeds, len(method), method[0].plan == "hold-out"):
        estimator = method[repeat.run % len(method)]
        folds = outer_folds(task.table, split, config.folds, stations, repeat.seed)
        tested = range(len(folds)) if repeat.fold is None else [repeat.fold % len(folds)]
        for number in tested:
            fold = folds[number]
            check_fold(task, fold, copies)
            train = task.training(places, fold, stations, also)
            start = time.perf_counter()
            fitted = estimator.fit(train, seed=repeat.start)
            asked = places.take(fold.test)
            found = fitted.mean(asked)
            seconds += time.perf_counter() - start
            low, high = _bounds(estimator, fitted, train, repeat.start, asked, found)
            part = {
                "site_id": task.site_id[fold.test], "measured": target[fold.test],
                "prediction": found, "low": low, "high": high, "run": repeat.run,
                "seed": repeat.seed, "fold": number,
            }  # fmt: skip
            parts.append(pd.DataFrame(part))
            trained.append(len(fold.train))
    entry = _entry(task, method[0], split)
    line = {
        **entry, "n_train": round(float(np.mean(trained))),
        "n_test": round(float(np.mean([len(part) for part in parts]))), "seconds": seconds,
        "status": "ok", "reason": "",
    }  # fmt: skip
    return Tested(join_predictions([part.assign(**entry) for part in parts]), line)


def _bounds(
    estimator: Estimator,
    fitted: Fitted,
    train: Training,
    seed: int,
    asked: Places,
    found: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The 90 % interval of each prediction, (n,) each in ug/m3; NaN where none is calibrated."""
    if estimator.calibrated:
        # LightGBM takes half a second to import, which networks without intervals do not need.
        from mmaq.estimators.intervals import calibrate

        intervals = calibrate(estimator, fitted, train, seed=seed)
        if intervals is not None:
            return intervals.bounds(asked, found)
    missing = np.full(len(found), np.nan)
    return missing, missing


def _entry(task: Task, estimator: Estimator, split: str) -> dict[str, Any]:
    return {
        "task": task.pollutant, "method": estimator.method, "protocol": estimator.protocol,
        "modalities": estimator.modalities, "label_fraction": estimator.label_fraction,
        "split": split,
    }  # fmt: skip
