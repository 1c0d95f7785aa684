"""Reading and checking delimited tables that others made, column by column."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from os import PathLike
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError


def read_table(
    path: str | PathLike[str],
    columns: Sequence[str],
    separator: str = ",",
    optional: Sequence[str] = (),
) -> pd.DataFrame:
    """Read the named columns of a delimited table (plain or zipped) as text.

    Those of ``optional`` that the table has come after ``columns``, in the order given here.

    Columns that are not asked for are never parsed, so nothing else of the table can leak.

    Raises:
        TableError: the file is missing, is no such table, lacks a column, or holds no rows.
    """
    try:
        table = pd.read_csv(
            path, sep=separator, usecols=lambda name: name in {*columns, *optional}, dtype=str,
            encoding="utf-8-sig",
        )  # fmt: skip
    except FileNotFoundError:
        raise TableError(path, "the file does not exist", "Give an existing table") from None
    except pd.errors.EmptyDataError:
        raise TableError(path, "the table is empty", "Give a table with rows") from None
    except (pd.errors.ParserError, UnicodeDecodeError, BadZipFile, ValueError) as fault:
        raise TableError(path, f"not a delimited table ({fault})", "Download it again") from None
    missing = [name for name in columns if name not in table]
    if missing:
        names = ", ".join(repr(name) for name in missing)
        noun = "column" if len(missing) == 1 else "columns"
        verb = "is" if len(missing) == 1 else "are"
        raise TableError(path, f"{noun} {names} {verb} missing", "Give a table in that layout")
    if table.empty:
        raise TableError(path, "the table holds no rows", "Give a table with rows")
    return table[[*columns, *(name for name in optional if name in table)]]


def to_numbers(
    table: pd.DataFrame, columns: Collection[str], key: str, path: str | PathLike[str]
) -> pd.DataFrame:
    """Parse ``columns`` as finite float64 in place of the text; an empty cell becomes NaN.

    Raises:
        TableError: a cell is not a finite number; names column, value and the row's ``key``.
    """
    table = table.copy()
    for column in columns:
        values = pd.to_numeric(table[column], errors="coerce").astype(float)
        bad = (values.isna() & table[column].notna()) | np.isinf(values)
        if bad.any():
            row = table[bad].iloc[0]
            fault = f"column {column!r} holds {row[column]!r} at {row[key]!r}, not a finite number"
            raise TableError(path, fault, "Correct that cell")
        table[column] = values
    return table


def check_unique(table: pd.DataFrame, key: str, path: str | PathLike[str]) -> None:
    """Refuse a table in which ``key`` is missing or repeated (TableError names the value)."""
    if table[key].isna().any():
        raise TableError(path, f"column {key!r} has an empty cell", "Give every row its id")
    twice = table.loc[table[key].duplicated(), key]
    if len(twice):
        raise TableError(path, f"{twice.iloc[0]!r} stands twice in {key!r}", "Keep one row of it")


def check_range(
    table: pd.DataFrame, column: str, low: float, high: float, key: str, path: str | PathLike[str]
) -> None:
    """Refuse a value outside [low, high] or missing (TableError names it and the row's ``key``)."""
    bad = ~table[column].between(low, high)
    if bad.any():
        row = table[bad].iloc[0]
        fault = f"column {column!r} has the impossible value {row[column]:g} at {row[key]!r}"
        raise TableError(path, fault, f"Give values from {low:g} to {high:g}")
