"""Run methods over the folds and seeds of splits, and write rows and predictions.

Test predictions: each fold of each seed in turn, with the half width of their intervals.
"""

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
from mmaq.contracts.benchmark import Row, write_benchmark
from mmaq.contracts.predictions import join_predictions
from mmaq.estimators.entry import Entry, Predict
from mmaq.evaluate.copies import check_fold, find_copies
from mmaq.evaluate.task import Task
from mmaq.statistics.bootstrap import estimate_metrics
from mmaq.statistics.groups import MIN_STATIONS, station_groups
from mmaq.statistics.intervals import half_width
from mmaq.statistics.metrics import METRICS
from mmaq.statistics.splits import Fold, calibration_fold, leave_copies, make_folds, split_seeds

REDRAWN = {"official": "site_id", "random": "site_id", "blocks": "block", "country": "country"}
"""Column of the site table whose values the bootstrap redraws: what the split leaves out."""

log = logging.getLogger(__name__)


def measure_all(
    work: Sequence[tuple[Task, Entry]],
    splits: Sequence[str],
    config: Evaluate,
    hold_out: bool,
    out: Path,
    predictions: Path,
) -> None:
    """Measure each entry of a task on each split and write rows (CSV), predictions (Parquet).

    Every fold of each seed is a test set in turn, or fold 0 alone with ``hold_out``.
    """
    runs = [(task, entry, split) for task, entry in work for split in splits]
    measured = [
        measure(task, entry, split, config, hold_out)
        for task, entry, split in tqdm(runs, desc="evaluate", unit="row", disable=None)
    ]
    with replacing(predictions) as temporary:
        join_predictions(table for _, table in measured).to_parquet(temporary, index=False)
    write_benchmark([row for rows, _ in measured for row in rows], out)
    skipped = sum(rows[0].status == "skipped" for rows, _ in measured)
    log.info("%s: %d methods and splits, %d of them skipped", out, len(runs), skipped)


def measure(
    task: Task, entry: Entry, split: str, config: Evaluate, hold_out: bool
) -> tuple[list[Row], pd.DataFrame]:
    """Rows of one method on one split, for all stations and for each group, and its predictions.

    What the data cannot give makes skipped rows with the reason, and no predictions.
    """
    try:
        tested = predict_folds(task, entry, split, config, hold_out)
    except Unavailable as reason:
        log.info("%s, %s on %s: skipped: %s", entry.method, entry.protocol, split, reason)
        rows = [
            Row(**_key(task, entry, split), metric=metric, status="skipped", reason=str(reason))
            for metric in METRICS
        ]
        return rows, join_predictions([])
    members = {"all": np.ones(task.size, dtype=bool)}
    if entry.label_fraction == 1.0:
        members |= station_groups(task.table)
    rows = [
        row
        for group, member in members.items()
        for row in _rows(task, entry, split, group, member, tested, config.bootstrap)
    ]
    log.info("%s, %s on %s: R2 %.3f", entry.method, entry.protocol, split, rows[0].value)
    return rows, tested.table


def _rows(
    task: Task, entry: Entry, split: str, group: str, member: np.ndarray, tested: Tested, draws: int
) -> list[Row]:
    """One row a metric for the stations of one group; none where too few of them were tested."""
    rows = tested.table[tested.table["site_id"].isin(task.site_id[member])]
    if group != "all" and rows["site_id"].nunique() < MIN_STATIONS:
        return []
    units = task.table.set_index("site_id", drop=False)[REDRAWN[split]]
    if units[rows["site_id"]].nunique() == 1:  # a country by itself
        units = task.table.set_index("site_id", drop=False)["site_id"]
    estimate = estimate_metrics(rows, units, draws)
    folds = len(rows[["seed", "fold"]].drop_duplicates())
    return [
        Row(
            **_key(task, entry, split), group=group, metric=metric, value=float(value),
            low=float(low), high=float(high), runs=rows["seed"].nunique(),
            n_train=tested.trained, n_test=round(len(rows) / folds), seconds=tested.seconds,
        )
        for metric, value, low, high in zip(*estimate, strict=True)
    ]  # fmt: skip


def _key(task: Task, entry: Entry, split: str) -> dict[str, Any]:
    return {
        "dataset": task.dataset, "task": task.pollutant, "method": entry.method,
        "modalities": entry.modalities, "protocol": entry.protocol, "split": split,
        "label_fraction": entry.label_fraction,
    }  # fmt: skip


@dataclass(frozen=True)
class Tested:
    """Predictions in the columns of ``PREDICTIONS``, the mean number of training stations in a
    fold, and the seconds that fitting and predicting took (without what calibration took)."""

    table: pd.DataFrame
    trained: int
    seconds: float


def predict_folds(task: Task, entry: Entry, split: str, config: Evaluate, hold_out: bool) -> Tested:
    """Test every fold of each seed, or fold 0 alone with ``hold_out``.

    Raises:
        Unavailable: the data cannot give the split, or lack what the method needs.
    """
    target = task.target  # a pollutant that nobody measures ends it here
    start = time.perf_counter()
    predict = entry.prepare()
    seconds = time.perf_counter() - start + entry.shared_seconds
    copies = find_copies(task)
    parts, trained = [], []
    for seed in split_seeds(split, config.seeds):
        folds = make_folds(task.table, split, config.folds, config.buffer_km, seed, config.together)
        for number, fold in enumerate(folds[:1] if hold_out else folds):
            fold = leave_copies(fold, copies)
            check_fold(task, fold, copies)
            start = time.perf_counter()
            part = pd.DataFrame({"site_id": task.site_id[fold.test], "measured": target[fold.test]})
            part["prediction"] = predict(fold, seed)
            seconds += time.perf_counter() - start
            part["radius"] = calibrate(predict, target, fold, seed, entry.calibrated)
            parts.append(part.assign(seed=seed, fold=number))
            trained.append(len(fold.train))
    names = {
        "task": task.pollutant, "method": entry.method, "protocol": entry.protocol,
        "modalities": entry.modalities, "label_fraction": entry.label_fraction, "split": split,
    }  # fmt: skip
    table = join_predictions([part.assign(**names) for part in parts])
    return Tested(table, round(np.mean(trained)), seconds)


def calibrate(
    predict: Predict, target: np.ndarray, fold: Fold, seed: int, calibrated: bool
) -> float:
    """Half width of the 90 % interval, by a model fitted without the calibration part.

    NaN where none is asked for, or where the training part is too small to be parted.
    """
    if not calibrated:
        return float("nan")
    try:
        inside = calibration_fold(fold, seed)
    except Unavailable:
        return float("nan")
    return half_width(predict(inside, seed) - target[inside.test])
