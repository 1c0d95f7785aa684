"""Contract 5, the benchmark table: long form, one metric a row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.files import read_json, reading, refuse_cut, replacing
from mmaq.vocabulary import METHODS, METRICS, PROTOCOLS, REFERENCES, SPLITS, TASKS


@dataclass(frozen=True)
class Row:
    """One figure of the benchmark. ``low`` and ``high`` bound its 95 % bootstrap interval.

    ``modalities`` joins names with "+" ("s2+s5p+table"); ``runs`` counts runs; ``n_train`` and
    ``n_test`` count stations (the mean over runs and folds, rounded); ``seconds`` is the wall time
    of all runs; ``reported`` is the paper's figure where there is one; ``reason`` says why a row
    was skipped.
    """

    dataset: str
    task: str
    method: str
    modalities: str
    protocol: str
    split: str
    metric: str
    group: str = "all"
    label_fraction: float = 1.0
    value: float | None = None
    low: float | None = None
    high: float | None = None
    runs: int = 0
    n_train: int = 0
    n_test: int = 0
    seconds: float | None = None
    reported: float | None = None
    status: str = "ok"
    reason: str = ""


COLUMNS = (
    "dataset", "task", "method", "modalities", "protocol", "split", "group", "label_fraction",
    "metric", "value", "low", "high", "runs", "n_train", "n_test", "seconds", "reported",
    "status", "reason",
)  # fmt: skip

FIGURES = (
    "label_fraction", "value", "low", "high", "runs", "n_train", "n_test", "seconds", "reported",
)  # fmt: skip

ALLOWED = {
    "task": TASKS, "method": METHODS + REFERENCES, "protocol": PROTOCOLS, "split": SPLITS,
    "metric": METRICS, "status": ("ok", "skipped"),
}  # fmt: skip

assert sorted(COLUMNS) == sorted(field.name for field in fields(Row))


def write_benchmark(rows: Iterable[Row] | pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Write rows as CSV, figures to six significant digits."""
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame([asdict(row) for row in rows])
    table = check_benchmark(table.reindex(columns=list(COLUMNS)), path)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")


def read_benchmark(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a benchmark table.

    Raises:
        TableError: the file is absent or not CSV, lacks a column, or holds something unknown.
    """
    if not Path(path).exists():
        raise TableError(path, "the benchmark table does not exist", "Run `mmaq evaluate`")
    remedy = "Run `mmaq evaluate` again"
    refuse_cut(path, TableError, remedy)
    with reading(path, TableError, "not a CSV table", remedy):
        table = pd.read_csv(path, dtype={"modalities": str, "group": str, "reason": str})
    for column in table.columns.intersection(["modalities", "reason"]):
        table[column] = table[column].fillna("")
    table = check_benchmark(table, path)
    for column in FIGURES:
        numeric = pd.api.types.is_numeric_dtype(table[column])
        if not numeric or np.isinf(table[column].astype(float)).any():
            raise TableError(path, f"column {column!r} holds something else than figures", remedy)
    return table


def check_whole(rows: Mapping[str, tuple[Path, int]], metrics: Path) -> None:
    """Refuse tables that have other numbers of rows than were written: one was cut short.

    Args:
        rows: path and rows of the tables, by the names under which ``metrics`` counts them.
        metrics: the figures that were made with them (JSON).

    Raises:
        TableError: names the table and both numbers; or the metrics cannot be read.
    """
    remedy = "Run `mmaq evaluate` again"
    written = read_json(metrics, TableError, remedy)
    for name, (path, count) in rows.items():
        try:
            expected = int(written["rows"][name])
        except (KeyError, TypeError, ValueError):
            raise TableError(metrics, f"it does not count the rows of {path}", remedy) from None
        if count != expected:
            raise TableError(path, f"it holds {count} of the {expected} rows made", remedy)


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows over all stations, trained on all labels: what methods are compared by."""
    return table[(table["group"] == "all") & (table["label_fraction"] == 1.0)]


def check_benchmark(table: pd.DataFrame, where: str | os.PathLike[str]) -> pd.DataFrame:
    """Check columns and names.

    Raises:
        TableError: names the column and the first value that is not allowed.
    """
    if list(table.columns) != list(COLUMNS):
        raise TableError(where, "the columns are not the benchmark's", "Run `mmaq evaluate` again")
    for column, allowed in ALLOWED.items():
        unknown = sorted(set(table[column]) - set(allowed), key=str)
        if unknown:
            raise TableError(where, f"{column} {unknown[0]!r} is unknown", f"Use one of {allowed}")
    return table
