"""Contract 5, test predictions: every station that a fold tests, by every method (Parquet).

Beside each table of predictions lies a table of fits (CSV): a line a method and split, with what
no prediction says: how long it took, on how many stations, or why there are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.files import reading, refuse_cut, replacing

ENTRY = {
    "task": str, "method": str, "protocol": str, "modalities": str, "label_fraction": np.float64,
    "split": str,
}  # fmt: skip
"""What names a method on a split, as in the benchmark table."""

PREDICTIONS = {
    **ENTRY, "run": np.int64, "seed": np.int64, "fold": np.int64, "site_id": str,
    "measured": np.float64, "prediction": np.float64, "low": np.float64, "high": np.float64,
}  # fmt: skip
"""Columns: every test prediction of every run, in ug/m3. ``run`` counts the times that the method
was trained and tested; ``seed`` and ``fold`` say on what. ``low`` and ``high`` bound the 90 %
interval, NaN where none was calibrated."""

FITS = {
    **ENTRY, "n_train": np.int64, "n_test": np.int64, "seconds": np.float64, "status": str,
    "reason": str,
}  # fmt: skip
"""Columns: training and test samples of a fold (the mean over folds and runs), seconds of fitting
and predicting without calibration, "ok" or "skipped", and the reason."""

LARGEST = 1e6
"""Of what is measured or predicted, ug/m3; damaged numbers are many powers of ten away."""

REMEDY = "Run `mmaq evaluate` again"


def join_predictions(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of predictions in the order of ``parts``, with its types even when it is empty."""
    return _join(parts, PREDICTIONS)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read test predictions, in the columns of ``PREDICTIONS``.

    Raises:
        TableError: the file is absent or not a table of predictions.
    """
    table = _read_parquet(path, list(PREDICTIONS))
    with reading(path, TableError, "not a table of predictions", REMEDY):
        table = table.astype(PREDICTIONS)
    for name in ("measured", "prediction"):
        if (table[name].abs() > LARGEST).any():
            raise TableError(path, f"column {name!r} holds what is no concentration", REMEDY)
    return table


def read_outcomes(path: Path) -> pd.DataFrame:
    """Read test predictions of a transfer task, whatever its columns.

    Raises:
        TableError: the file is absent or not a table of predictions.
    """
    return _read_parquet(path, None)


def write_fits(path: Path, fits: Iterable[Mapping[str, Any]]) -> None:
    """Write the lines of a part of the evaluation."""
    table = _join([pd.DataFrame([fit]) for fit in fits], FITS)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)


def read_fits(path: Path) -> pd.DataFrame:
    """Read the lines of a part of the evaluation.

    Raises:
        TableError: the file is absent or broken.
    """
    text = {name: str for name, kind in FITS.items() if kind is str}
    with reading(path, TableError, "not a table of fits", REMEDY):
        table = pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"seconds": [""]})
        table = table[list(FITS)].astype(FITS)
    refuse_cut(path, TableError, REMEDY)
    return table


def check_fits(fits: pd.DataFrame, path: Path, tested: pd.DataFrame) -> None:
    """Refuse lines of a part, read from ``path``, that lack what was predicted, or tell of more.

    Raises:
        TableError: names the method and split.
    """
    names = [name for name in ENTRY if name in tested]
    told = {tuple(row) for row in fits.loc[fits["status"] == "ok", names].to_numpy(object)}
    made = {tuple(row) for row in tested[names].drop_duplicates().to_numpy(object)}
    for entry in sorted(told ^ made, key=str):
        what = "has no line" if entry in made else "has a line, and no predictions"
        raise TableError(path, f"{' '.join(map(str, entry))} {what}", REMEDY)


def _read_parquet(path: Path, columns: list[str] | None) -> pd.DataFrame:
    with reading(path, TableError, "not a table of predictions", REMEDY):
        return pd.read_parquet(path, columns=columns)


def _join(parts: Iterable[pd.DataFrame], columns: dict[str, Any]) -> pd.DataFrame:
    empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})
    filled = [part for part in parts if len(part)]
    table = pd.concat(filled, ignore_index=True) if filled else empty
    return table[list(columns)].astype(columns)
