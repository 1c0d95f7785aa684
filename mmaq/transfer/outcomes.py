"""Test predictions of transfer tasks, scene by scene, and the line about each method."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmaq.base.errors import Unavailable
from mmaq.base.files import replacing
from mmaq.contracts.predictions import ENTRY, write_fits
from mmaq.statistics.metrics import PIXELS
from mmaq.transfer.holdouts import Tested
from mmaq.vocabulary import TransferTask

OUTCOMES = {"fuel": ("truth", "prediction"), "plume": PIXELS}
"""Names of classes, or numbers of pixels."""

SPLIT = "random"
"""Random over places: no place is on both sides."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """A method's predictions, and the line of ``FITS`` about them."""

    table: pd.DataFrame
    fit: dict[str, Any]


def predict_or_skip(
    task: TransferTask, method: str, protocol: str, modalities: str, holdouts: int,
    test: Callable[[int], Tested],
) -> Outcome:  # fmt: skip
    """Test a method on its hold-outs; what the data cannot give is a skipped line.

    Networks take another run in each hold-out. References, which no draw of weights moves, have
    one run that is tested on all of them.

    Args:
        task: what it predicts.
        method: its name, as in the benchmark table; so are ``protocol`` and ``modalities``.
        holdouts: how many.
        test: makes one of them, by its number.
    """
    entry = {
        "task": task, "method": method, "protocol": protocol, "modalities": modalities,
        "label_fraction": 1.0, "split": SPLIT,
    }  # fmt: skip
    start = time.perf_counter()
    try:
        tested = [test(fold) for fold in range(holdouts)]
    except Unavailable as fault:
        log.info("%s of the %s, %s: skipped: %s", method, task, protocol, fault)
        about = {"n_train": 0, "n_test": 0, "seconds": np.nan, "status": "skipped"}
        return Outcome(_join(entry, []), {**entry, **about, "reason": str(fault)})
    about = {
        "n_train": round(float(np.mean([one.trained for one in tested]))),
        "n_test": round(float(np.mean([len(one.scenes) for one in tested]))),
        "seconds": time.perf_counter() - start, "status": "ok",
    }  # fmt: skip
    return Outcome(_join(entry, tested), {**entry, **about, "reason": ""})


def _join(entry: dict[str, Any], tested: Iterable[Tested]) -> pd.DataFrame:
    """Every test scene of every hold-out with what was predicted."""
    names = list(OUTCOMES[entry["task"]])
    columns = [*ENTRY, "run", "fold", "scene_id", "location", *names]
    tables = [pd.DataFrame(columns=columns)]
    for fold, one in enumerate(tested):
        table = one.scenes[["scene_id", "location"]].reset_index(drop=True)
        table[names] = one.outcomes
        run = 0 if entry["protocol"] == "reference" else fold
        tables.append(table.assign(**entry, run=run, fold=fold))
    return pd.concat(tables[1:] or tables, ignore_index=True)[columns]


def write_outcomes(outcomes: list[Outcome], out: Path, fits: Path) -> None:
    """Write predictions (Parquet) and fits (CSV) of a part."""
    filled = [each.table for each in outcomes if len(each.table)]
    with replacing(out) as temporary:
        table = pd.concat(filled, ignore_index=True) if filled else outcomes[0].table
        table.to_parquet(temporary, index=False)
    write_fits(fits, [each.fit for each in outcomes])
