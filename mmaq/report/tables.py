"""The benchmark table (contract 5) turned into tables that a person reads."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.numbers import count, duration, interval, number
from mmaq.reported import PAPER

KEY = ["method", "protocol", "modalities", "group", "label_fraction"]
SHOWN = (
    "r2", "rmse", "mae", "bias", "accuracy", "macro_f1", "miou", "foreground_iou", "coverage90",
    "width90",
)  # fmt: skip
LEADING = "r2"
DIGITS = {"rmse": 2, "mae": 2, "bias": 2, "width90": 1, "mse": 1}


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
    group: str
    labels: str
    cells: list[list[Cell]]


@dataclass(frozen=True)
class Table:
    """Methods down, splits and their metrics across."""

    task: str
    splits: list[str]
    metrics: list[str]
    lines: list[Line]
    grouped: bool


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows over all stations, trained on all labels."""
    return table[(table["group"] == "all") & (table["label_fraction"] == 1.0)]


def measured(table: pd.DataFrame, metric: str, task: str = "no2") -> pd.DataFrame:
    """Rows of ``metric`` over all stations that have a value."""
    rows = main_rows(table)
    wanted = (rows["metric"] == metric) & (rows["task"] == task) & (rows["status"] == "ok")
    return rows[wanted & rows["value"].notna()]


def benchmark_tables(table: pd.DataFrame) -> list[Table]:
    """One table a task over all stations, then one a task by group or share of the labels."""
    usable = table[table["status"] == "ok"]
    main = usable.index.isin(main_rows(usable).index)
    tables = []
    for part, grouped in ((usable[main], False), (usable[~main], True)):
        for task in part["task"].drop_duplicates():
            tables.append(_wide(part[part["task"] == task], task, grouped))
    return tables


def _wide(rows: pd.DataFrame, task: str, grouped: bool) -> Table:
    splits = [split for split in names.SPLITS if split in set(rows["split"])]
    metrics = [metric for metric in SHOWN if metric in set(rows["metric"])]
    cells = rows.set_index([*KEY, "split", "metric"]).sort_index()
    lines = []
    for key in _ranked(rows, splits[0]):
        method, protocol, modalities, group, fraction = key
        lines.append(
            Line(
                method, names.label(method, protocol), names.inputs(modalities),
                names.kind(method, protocol), str(group), f"{fraction:.0%}".replace("%", " %"),
                [_cells(cells, key, split, metrics, rows) for split in splits],
            )
        )  # fmt: skip
    return Table(task, splits, metrics, lines, grouped)


def _ranked(rows: pd.DataFrame, split: str) -> list[tuple[str, str, str, str, float]]:
    """Keys by the leading metric on ``split``, best first."""
    metric = next((name for name in SHOWN if name in set(rows["metric"])), rows["metric"].iloc[0])
    leading = (rows["split"] == split) & (rows["metric"] == metric)
    order = rows.assign(there=leading, lead=rows["value"].where(leading)).sort_values(
        ["group", "label_fraction", "there", "lead", "method", "protocol", "modalities"],
        ascending=[True, False, False, False, True, True, True],
    )
    return list(order[KEY].drop_duplicates().itertuples(index=False, name=None))


def _cells(
    cells: pd.DataFrame, key: tuple[str, str, str, str, float], split: str, metrics: list[str],
    rows: pd.DataFrame,
) -> list[Cell]:  # fmt: skip
    out, last = [], None
    for metric in metrics:
        if (*key, split, metric) not in cells.index:
            out.append(Cell(number(None, 0)))
            continue
        last = cells.loc[[(*key, split, metric)]].iloc[0]
        digits = DIGITS.get(metric, 3)
        out.append(
            Cell(
                number(last["value"], digits),
                interval(last["low"], last["high"], digits) if metric == LEADING else "",
                metric == LEADING and key[:3] == _best(rows, split),
            )
        )  # fmt: skip
    if last is None:
        return [*out, Cell(number(None, 0)), Cell(number(None, 0))]
    sizes = f"{count(last['n_train'])} / {count(last['n_test'])}"
    return [*out, Cell(sizes), Cell(duration(last["seconds"]))]


def _best(rows: pd.DataFrame, split: str) -> tuple[str, str, str] | None:
    """The row of highest R² that does not know the truth."""
    r2 = rows[(rows["metric"] == LEADING) & (rows["split"] == split) & rows["value"].notna()]
    r2 = r2[~r2["method"].str.startswith("oracle")]
    if r2.empty:
        return None
    best = r2.sort_values("value").iloc[-1]
    return best["method"], best["protocol"], best["modalities"]


@dataclass(frozen=True)
class Skipped:
    """A reason, and the rows that it kept from running."""

    reason: str
    rows: list[str]


def skipped(table: pd.DataFrame) -> list[Skipped]:
    """Rows that could not run, by reason."""
    rows = table[table["status"] == "skipped"]
    groups = []
    for reason, part in rows.groupby("reason", sort=False):
        words: dict[str, list[str]] = {}
        for row in part.drop_duplicates(["method", "protocol", "modalities", "split"]).itertuples():
            label = names.label(row.method, row.protocol)
            label += f" ({names.inputs(row.modalities)})" if names.inputs(row.modalities) else ""
            words.setdefault(label, []).append(names.SPLITS[row.split])
        groups.append(
            Skipped(str(reason), [f"{label}: {', '.join(at)}" for label, at in words.items()])
        )
    return groups


@dataclass(frozen=True)
class Beside:
    """A figure of the paper and ours beside it, as text."""

    words: str
    paper_r2: str
    paper_mse: str
    here_r2: Cell
    here_mse: str


def beside_paper(table: pd.DataFrame, split: str) -> list[Beside]:
    """The paper's figures and this run's on ``split`` (best inputs of the same protocol)."""
    lines = []
    for row in PAPER:
        ours = {metric: _ours(table, row.method, row.protocol, split, metric) for metric in
                ("r2", "mse")}  # fmt: skip
        r2, mse = ours["r2"], ours["mse"]
        lines.append(
            Beside(
                names.label(row.method, row.protocol), number(row.r2, 3), number(row.mse, 1),
                Cell(number(None, 0)) if r2 is None else
                Cell(number(r2["value"], 3), interval(r2["low"], r2["high"], 3)),
                number(None if mse is None else mse["value"], 1),
            )
        )  # fmt: skip
    return lines


def _ours(
    table: pd.DataFrame, method: str, protocol: str, split: str, metric: str
) -> pd.Series | None:
    rows = measured(table, metric)
    rows = rows[(rows["method"] == method) & (rows["protocol"] == protocol)]
    rows = rows[rows["split"] == split].sort_values("value", ascending=metric != "r2")
    return None if rows.empty else rows.iloc[0]
