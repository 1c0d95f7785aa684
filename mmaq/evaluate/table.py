"""The benchmark table: its parts joined, sorted, beside what the papers report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.files import write_json
from mmaq.contracts.benchmark import COLUMNS, Row, main_rows, read_benchmark, write_benchmark
from mmaq.contracts.reported import paper_figure
from mmaq.vocabulary import METHODS, METRICS, PROTOCOLS, REFERENCES, SPLITS, TASKS

log = logging.getLogger(__name__)

KEY = (
    "dataset", "task", "split", "method", "modalities", "protocol", "group", "label_fraction",
    "metric",
)  # fmt: skip
"""What makes a row unique; rows are sorted by it, in this order."""

ORDER = {
    "task": TASKS, "split": SPLITS, "method": METHODS + REFERENCES, "protocol": PROTOCOLS,
    "metric": METRICS,
}  # fmt: skip

AS_THE_PAPERS = pd.Series({"split": "random", "group": "all", "label_fraction": 1.0})
"""Rows that the papers' figures stand beside."""


def sort_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Rows in the order of ``KEY``; names with a fixed order keep it, others sort as text."""
    rank = {
        name: table[name].map({value: number for number, value in enumerate(ORDER[name])})
        if name in ORDER
        else table[name]
        for name in KEY
    }
    order = pd.DataFrame(rank).sort_values(list(KEY)).index
    return table.loc[order].reset_index(drop=True)


def write_rows(rows: Sequence[Row], out: Path) -> None:
    """Put the papers' figures beside the rows, sort and write them.

    Raises:
        TableError: two rows have one key.
    """
    table = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))
    twice = table.duplicated(list(KEY))
    if twice.any():
        row = table[twice].iloc[0]
        fault = f"{row.method}, {row.protocol} on {row.split} has two rows of {row.metric}"
        raise TableError(out, fault, "Name each method and split once")
    # The papers' splits are random over stations, unlike blocks or countries.
    alike = (table[list(AS_THE_PAPERS.index)] == AS_THE_PAPERS).all(axis=1)
    table["reported"] = [
        paper_figure(row.task, row.method, row.protocol, row.modalities, row.metric)
        if same
        else None
        for row, same in zip(table.itertuples(), alike, strict=True)
    ]
    table["reported"] = table["reported"].astype(float)
    write_benchmark(sort_rows(table), out)
    log.info("%s: %d rows, %d skipped", out, len(table), (table["status"] == "skipped").sum())


NAMED = ("task", "method", "protocol", "modalities", "split", "metric")
"""Keys of a figure among the metrics, the outermost first."""

FOLLOWED = (
    "r2",
    "rmse",
    "coverage90",
    "width90",
    "interval_score90",
    "mqi",
    "accuracy",
    "macro_f1",
    "miou",
)
"""Metrics that are compared by version; the others stay in the table."""


def write_metrics(benchmark: Path, pairs: int, out: Path) -> None:
    """Write the table's figures over all stations and labels as nested JSON, for `dvc metrics`.

    DVC compares no CSV: a figure is ``{task: {method: {protocol: {modalities: {split: {metric:
    value}}}}}}``, in the table's units; inputs of nothing are ``none``. ``rows`` counts those of
    the table and of its ``pairs``, the comparisons: a table of fewer is not whole.

    Raises:
        TableError: the table is missing or broken.
    """
    whole = read_benchmark(benchmark)
    table = main_rows(whole)
    told = table[table["metric"].isin(FOLLOWED) & table["value"].notna()]
    figures: dict[str, Any] = {"rows": {"benchmark": len(whole), "comparisons": pairs}}
    for row in told.to_dict("records"):
        *outer, metric = (row[name] or "none" for name in NAMED)
        inner = figures
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[metric] = row["value"]
    write_json(out, figures)
