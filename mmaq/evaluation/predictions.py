"""Test predictions: each fold of each seed in turn, with the half width of their intervals."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmaq.config.evaluation import Evaluate
from mmaq.evaluation.conformal import calibration_fold, half_width
from mmaq.evaluation.copies import check_fold, find_copies, leave_copies
from mmaq.evaluation.entry import Entry, Predict
from mmaq.evaluation.splits import Fold, make_folds, split_seeds
from mmaq.evaluation.task import Task
from mmaq.evaluation.unavailable import Unavailable

PREDICTIONS = {
    "task": str, "method": str, "protocol": str, "modalities": str, "label_fraction": np.float64,
    "split": str, "seed": np.int64, "fold": np.int64, "site_id": str, "measured": np.float64,
    "prediction": np.float64, "radius": np.float64,
}  # fmt: skip
"""Columns: every test prediction of every seed, in ug/m3. ``radius`` is half the width of the 90 %
interval, NaN where none was calibrated."""


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


def join_predictions(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of predictions in the order of ``parts``, with its types even when it is empty."""
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in PREDICTIONS.items()})
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else empty
    return table[list(PREDICTIONS)].astype(PREDICTIONS)
