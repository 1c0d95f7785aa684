"""The figures of a task, in files of its own and as a small table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mmaq import stages
from mmaq.config.parts import Part, TransferPart
from mmaq.contracts.benchmark import main_rows, read_benchmark
from mmaq.run.settings import Run
from mmaq.stages import table_of

HEAD = (
    "task", "method", "protocol", "inputs", "split", "R2", "95 % interval", "RMSE ug/m3",
    "MAE ug/m3", "reported R2",
)  # fmt: skip

ROW = ["task", "method", "protocol", "modalities", "split"]


def print_results(path: Path) -> None:
    """Print a line for each method, protocol and split of a benchmark table, and where it lies.

    Rows by group or share of the labels stay in the table. The reported R² is the paper's, which
    was measured on another split.
    """
    table = main_rows(read_benchmark(path))
    lines = [_line(key, part) for key, part in table.groupby(ROW, sort=False)]
    lines = [HEAD, *lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())
    print(f"\n{path}")


def _line(key: tuple[str, ...], part: pd.DataFrame) -> tuple[str, ...]:
    by = part.set_index("metric")
    r2 = by.loc["r2"]
    if r2["status"] == "skipped":
        return (*key, f"skipped: {r2['reason']}", *[""] * 4)
    return (
        *key, f"{r2['value']:.3f}", f"{r2['low']:.3f} to {r2['high']:.3f}",
        f"{by.loc['rmse', 'value']:.2f}", f"{by.loc['mae', 'value']:.2f}",
        "" if pd.isna(r2["reported"]) else f"{r2['reported']:.3f}",
    )  # fmt: skip


def make_table(run: Run, table: stages.Run, parts: Sequence[Part | TransferPart]) -> Path:
    """Make the figures of a task, in files of its own name; gives the table's path."""
    base = run.paths.results / f"{run.task}_{run.model}"
    out, metrics = base.with_suffix(".csv"), base.with_suffix(".json")
    table_of(table, parts, out, metrics, base.with_name(f"{base.name}_comparisons.csv"))()
    return out
