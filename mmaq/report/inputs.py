"""Read what the report is made from; a fault names the file and the column."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow

from mmaq.errors import TableError

PREDICTIONS = (
    "method", "protocol", "split", "seed", "fold", "site_id", "no2", "prediction",
)  # fmt: skip
RULES_OF_MANY_JOBS = (
    "grid_part", "pretrain", "evaluate_probes", "evaluate_finetune", "evaluate_scratch",
    "evaluate_supervised",
)  # fmt: skip


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
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError:
        raise TableError(path, "the file of predictions does not exist", remedy) from None
    except (arrow.ArrowInvalid, OSError) as fault:
        raise TableError(path, f"not a Parquet file ({fault})", remedy) from None
    _require(table, PREDICTIONS, path, remedy)
    for column in ("no2", "prediction"):
        finite = np.isfinite(table[column].astype(float))
        if not finite.all():
            row = table[~finite].iloc[0]
            bad = f"{column} of {row.method} at site {row.site_id!r} is not a number"
            raise TableError(path, bad, remedy)
    return table[list(PREDICTIONS)]


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


def read_timings(paths: Sequence[Path]) -> pd.DataFrame:
    """Wall time and memory of each rule from Snakemake's benchmark files.

    The jobs of one rule (``grid_part_2021Q1.tsv`` is one of ``grid_part``) count together: times
    add up, memory takes the largest. A file that is absent belongs to a stage that was run without
    Snakemake, and is left out. Columns rule, seconds, memory_mb, jobs; longest first.

    Raises:
        TableError: a file is not a table, or lacks ``s`` or ``max_rss``.
    """
    remedy = "Remove it and run the rule again"
    rows = []
    for path in paths:
        if not path.exists():
            continue
        table = _read_csv(path, "\t", remedy)
        _require(table, ("s", "max_rss"), path, remedy)
        seconds = pd.to_numeric(table["s"], errors="coerce")
        memory = pd.to_numeric(table["max_rss"], errors="coerce")
        rows.append((_rule(path), seconds.mean(), memory.max()))
    columns = ["rule", "seconds", "memory_mb"]
    table = pd.DataFrame(rows, columns=columns).dropna(subset=["seconds"])
    grouped = table.groupby("rule").agg(
        seconds=("seconds", "sum"), memory_mb=("memory_mb", "max"), jobs=("seconds", "size")
    )
    return grouped.reset_index().sort_values(["seconds", "rule"], ascending=[False, True])


def _rule(path: Path) -> str:
    for rule in RULES_OF_MANY_JOBS:
        if path.stem.startswith(f"{rule}_"):
            return rule
    return path.stem


def _read_csv(path: Path, separator: str, remedy: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, sep=separator)
    except FileNotFoundError:
        raise TableError(path, "the file does not exist", remedy) from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as fault:
        raise TableError(path, f"not a table ({fault})", remedy) from None


def _require(table: pd.DataFrame, columns: Sequence[str], path: Path, remedy: str) -> None:
    for column in columns:
        if column not in table:
            raise TableError(path, f"column {column!r} is missing", remedy)
