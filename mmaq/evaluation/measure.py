"""Run methods over the folds and seeds of splits, and write rows and predictions."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mmaq.benchmark import Row, write_benchmark
from mmaq.config.evaluation import Evaluate
from mmaq.evaluation.bootstrap import estimate_metrics
from mmaq.evaluation.entry import Entry
from mmaq.evaluation.metrics import METRICS
from mmaq.evaluation.splits import make_folds, split_seeds
from mmaq.evaluation.task import Task
from mmaq.evaluation.unavailable import Unavailable
from mmaq.files import replacing

PREDICTIONS = {
    "method": str, "protocol": str, "split": str, "seed": np.int64, "fold": np.int64,
    "site_id": str, "no2": np.float64, "prediction": np.float64,
}  # fmt: skip
"""Columns of the predictions: every test prediction of every seed, in ug/m3."""

log = logging.getLogger(__name__)


def measure_all(
    task: Task,
    entries: Sequence[Entry],
    splits: Sequence[str],
    config: Evaluate,
    hold_out: bool,
    out: Path,
    predictions: Path,
) -> None:
    """Measure each entry on each split and write the rows (CSV) and predictions (Parquet).

    Every fold of each seed is a test set in turn, or fold 0 alone with ``hold_out``.
    """
    work = [(entry, split) for entry in entries for split in splits]
    measured = [
        measure(task, entry, split, config, hold_out)
        for entry, split in tqdm(work, desc="evaluate", unit="row", disable=None)
    ]
    with replacing(predictions) as temporary:
        join_predictions(table for _, table in measured).to_parquet(temporary, index=False)
    write_benchmark([row for rows, _ in measured for row in rows], out)
    skipped = sum(rows[0].status == "skipped" for rows, _ in measured)
    log.info("%s: %d methods and splits, %d of them skipped", out, len(work), skipped)


def measure(
    task: Task, entry: Entry, split: str, config: Evaluate, hold_out: bool
) -> tuple[list[Row], pd.DataFrame]:
    """Rows of one method on one split, one a metric, and its predictions.

    What the data cannot give makes skipped rows with the reason, and no predictions.
    """

    def row(metric: str, **values: Any) -> Row:
        return Row(
            dataset=task.dataset, task="no2", method=entry.method, modalities=entry.modalities,
            protocol=entry.protocol, split=split, metric=metric, **values,
        )  # fmt: skip

    start = time.perf_counter()
    try:
        predictions, trained, tested = predict_folds(task, entry, split, config, hold_out)
    except Unavailable as reason:
        log.info("%s, %s on %s: skipped: %s", entry.method, entry.protocol, split, reason)
        rows = [row(metric, status="skipped", reason=str(reason)) for metric in METRICS]
        return rows, join_predictions([])
    seconds = time.perf_counter() - start + entry.shared_seconds
    estimate = estimate_metrics(predictions, config.bootstrap)
    rows = [
        row(
            metric, value=float(value), low=float(low), high=float(high),
            runs=predictions["seed"].nunique(), n_train=trained, n_test=tested, seconds=seconds,
        )
        for metric, value, low, high in zip(METRICS, *estimate, strict=True)
    ]  # fmt: skip
    log.info("%s, %s on %s: R2 %.3f", entry.method, entry.protocol, split, rows[0].value)
    return rows, predictions


def predict_folds(
    task: Task, entry: Entry, split: str, config: Evaluate, hold_out: bool
) -> tuple[pd.DataFrame, int, int]:
    """Test predictions, and the mean numbers of training and of test stations in a fold.

    Raises:
        Unavailable: the data cannot give the split, or lack what the method needs.
    """
    predict = entry.prepare()
    parts, trained, tested = [], [], []
    for seed in split_seeds(split, config.seeds):
        folds = make_folds(task.table, split, config.folds, config.buffer_km, seed)
        for number, fold in enumerate(folds[:1] if hold_out else folds):
            part = pd.DataFrame({"site_id": task.site_id[fold.test], "no2": task.target[fold.test]})
            part["prediction"] = predict(fold, seed)
            parts.append(part.assign(seed=seed, fold=number))
            trained.append(len(fold.train))
            tested.append(len(fold.test))
    names = {"method": entry.method, "protocol": entry.protocol, "split": split}
    table = join_predictions([part.assign(**names) for part in parts])
    return table, round(np.mean(trained)), round(np.mean(tested))


def join_predictions(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of predictions in the order of ``parts``, with its types even when it is empty."""
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in PREDICTIONS.items()})
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else empty
    return table[list(PREDICTIONS)].astype(PREDICTIONS)
