"""The benchmark table (contract 5) turned into tables that a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mmaq.contracts.benchmark import main_rows
from mmaq.report import names
from mmaq.report.choose import KEY, Key, ordered, splits_of
from mmaq.report.numbers import count, duration, interval, number

SHOWN = (
    "r2", "rmse", "mae", "bias", "accuracy", "macro_f1", "miou", "foreground_iou", "coverage90",
    "width90", "interval_score90", "mqi",
)  # fmt: skip

WITH_INTERVAL = ("r2", "accuracy", "macro_f1", "miou", "foreground_iou")

DIGITS = {"rmse": 2, "mae": 2, "bias": 2, "width90": 1, "interval_score90": 1, "mqi": 2, "mse": 1}


@dataclass(frozen=True)
class Cell:
    """A figure, its interval beneath, and whether it is the best of its column."""

    text: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class Line:
    """A method's row: who it is, and a list of cells for each split."""

    method: str
    words: str
    inputs: str
    kind: names.Kind
    cells: list[list[Cell]]


@dataclass(frozen=True)
class Table:
    """Methods down, splits and their metrics across."""

    task: str
    title: str
    splits: list[str]
    metrics: list[str]
    lines: list[Line]

    @property
    def kinds(self) -> set[str]:
        """Sorts of methods in the table."""
        return {line.kind for line in self.lines}


def benchmark_tables(table: pd.DataFrame, tasks: Sequence[str]) -> list[Table]:
    """A table for each task that has a row: over all stations, trained on all labels."""
    rows = main_rows(table)
    rows = rows[(rows["status"] == "ok") & rows["metric"].isin(SHOWN)]
    present = set(rows["task"])
    return [_wide(rows[rows["task"] == task], task) for task in tasks if task in present]


def _wide(rows: pd.DataFrame, task: str) -> Table:
    splits = splits_of(rows)
    metrics = [metric for metric in SHOWN if metric in set(rows["metric"])]
    leading = rows[rows["metric"] == metrics[0]]
    best = {split: _best(leading[leading["split"] == split], split) for split in splits}
    # Each row by its key: a lookup in an index of several levels takes a millisecond and more.
    cells = {tuple(row[[*KEY, "split", "metric"]]): row for _, row in rows.iterrows()}
    keys = list(dict.fromkeys([*ordered(leading, splits[0]), *ordered(rows, splits[0])]))
    lines = [
        Line(
            key[0], names.label(*key[:2]), names.inputs(key[2]), names.kind(*key[:2]),
            [_cells(cells, key, split, metrics, key == best[split]) for split in splits],
        )
        for key in keys
    ]  # fmt: skip
    return Table(task, names.TASKS[task], splits, metrics, lines)


def _best(rows: pd.DataFrame, split: str) -> Key | None:
    """The highest of the leading metric that does not know the truth."""
    keys = ordered(rows[rows["value"].notna()], split)
    return next((key for key in keys if not key[0].startswith("oracle")), None)


def _cells(
    cells: dict[tuple[Any, ...], pd.Series], key: Key, split: str, metrics: list[str], best: bool
) -> list[Cell]:
    out, last = [], None
    for metric in metrics:
        row = cells.get((*key, split, metric))
        out.append(figure_cell(row, metric, best and metric == metrics[0]))
        last = last if row is None else row
    if last is None:
        return [*out, Cell(number(None, 0)), Cell(number(None, 0))]
    sizes = f"{count(last['n_train'])} / {count(last['n_test'])}"
    return [*out, Cell(sizes), Cell(duration(last["seconds"]))]


def figure_cell(row: pd.Series | None, metric: str, best: bool = False) -> Cell:
    """A row's figure, with its interval where the metric is shown with one."""
    if row is None:
        return Cell(number(None, 0))
    digits = DIGITS.get(metric, 3)
    between = interval(row["low"], row["high"], digits) if metric in WITH_INTERVAL else ""
    return Cell(number(row["value"], digits), between, best)
