"""Read what the report is made from; a fault names the file and the column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.files import reading, refuse_cut

PREDICTIONS = (
    "task", "method", "protocol", "modalities", "label_fraction", "split", "run", "seed", "fold",
    "site_id", "measured", "prediction", "low", "high",
)  # fmt: skip
"""Columns of test predictions; measured, prediction, low and high (bounds of the 90 % interval,
missing where a method has none) in µg/m³."""

COMPARISONS = (
    "dataset", "task", "split", "metric", "method", "protocol", "modalities", "other_method",
    "other_protocol", "other_modalities", "difference", "low", "high", "block_low", "block_high",
    "stations", "verdict",
)  # fmt: skip
"""Columns of the paired comparisons; a difference is the method's metric minus the other's."""

VERDICTS = ("better", "worse", "open")


def read_predictions(paths: Sequence[Path]) -> pd.DataFrame:
    """Test predictions of all methods, µg/m³; no row when there is no file.

    Raises:
        TableError: a file is absent or not Parquet, a column is missing, a figure is not finite.
    """
    parts = [_read_predictions(path) for path in paths]
    if not parts:
        return pd.DataFrame(columns=list(PREDICTIONS))
    return pd.concat(parts, ignore_index=True)


def _read_predictions(path: Path) -> pd.DataFrame:
    remedy = "Run `mmaq evaluate` again"
    with reading(path, TableError, "not a Parquet file", remedy):
        table = pd.read_parquet(path)
    _require(table, PREDICTIONS, path, remedy)
    for column in ("measured", "prediction"):
        with reading(path, TableError, f"column {column!r} holds no numbers", remedy):
            finite = np.isfinite(table[column].astype(float))
        if not finite.all():
            row = table[~finite].iloc[0]
            bad = f"{column} of {row.method} at site {row.site_id!r} is not a number"
            raise TableError(path, bad, remedy)
    return table[list(PREDICTIONS)]


def read_comparisons(path: Path | None) -> pd.DataFrame:
    """Paired comparisons; no row without a file.

    Raises:
        TableError: the file is absent, not CSV, lacks a column, or has a verdict that is unknown.
    """
    if path is None:
        return pd.DataFrame(columns=list(COMPARISONS))
    remedy = "Run `mmaq evaluate` again"
    table = _read_csv(path, ",", remedy)
    _require(table, COMPARISONS, path, remedy)
    for column in ("modalities", "other_modalities"):
        table[column] = table[column].fillna("")
    unknown = sorted(set(table["verdict"].astype(str)) - set(VERDICTS))
    if unknown:
        fault = f"verdict {unknown[0]!r} is none of {', '.join(VERDICTS)}"
        raise TableError(path, fault, remedy)
    return table[list(COMPARISONS)]


def read_losses(path: Path | None) -> pd.DataFrame:
    """Loss terms by step and epoch; empty without a file.

    Raises:
        TableError: the file is absent, not CSV, or names neither epoch nor step.
    """
    if path is None:
        return pd.DataFrame()
    remedy = "Run `mmaq pretrain` again"
    table = _read_csv(path, ",", remedy)
    if "epoch" not in table and "step" not in table:
        raise TableError(path, "column 'epoch' is missing", remedy)
    return table.select_dtypes("number")


def read_timings(files: Mapping[str, Sequence[Path]]) -> pd.DataFrame:
    """Wall time and memory of each job from Snakemake's benchmark files, given by rule.

    ``grid_part_2021Q1.tsv`` is the job ``2021Q1`` of the rule ``grid_part``. A file that is absent
    belongs to a stage that was run without Snakemake, and is left out. Columns rule, job, seconds,
    memory_mb.

    Raises:
        TableError: a file is not a table, or lacks ``s`` or ``max_rss``.
    """
    remedy = "Remove it and run the rule again"
    rows = []
    for rule, path in ((rule, path) for rule, paths in files.items() for path in paths):
        if not path.exists():
            continue
        table = _read_csv(path, "\t", remedy)
        _require(table, ("s", "max_rss"), path, remedy)
        seconds = pd.to_numeric(table["s"], errors="coerce")
        memory = pd.to_numeric(table["max_rss"], errors="coerce")
        job = path.stem.removeprefix(rule).removeprefix("_")
        rows.append((rule, job, seconds.mean(), memory.max()))
    columns = ["rule", "job", "seconds", "memory_mb"]
    return pd.DataFrame(rows, columns=columns).dropna(subset=["seconds"])


def _read_csv(path: Path, separator: str, remedy: str) -> pd.DataFrame:
    with reading(path, TableError, "not a table", remedy):
        refuse_cut(path, TableError, remedy)
        return pd.read_csv(path, sep=separator)


def _require(table: pd.DataFrame, columns: Sequence[str], path: Path, remedy: str) -> None:
    for column in columns:
        if column not in table:
            raise TableError(path, f"column {column!r} is missing", remedy)
