"""A small table of results for a terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmaq.contracts.benchmark import main_rows, read_benchmark

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
