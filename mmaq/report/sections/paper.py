"""What the papers report, and this run's figures beside it."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.contracts import reported
from mmaq.report import names
from mmaq.report.choose import measured, splits_of
from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section
from mmaq.report.numbers import number
from mmaq.report.tables import Cell, figure_cell


@dataclass(frozen=True)
class Beside:
    """A method's figures in the paper, and ours beside them."""

    words: str
    paper_r2: str
    paper_mse: str
    here_r2: Cell
    here_mse: str


@dataclass(frozen=True)
class BesidePollutant:
    """R² of AQNet's three outputs, this run's AQNet, and this run's best row."""

    words: str
    paper_r2: str
    here: Cell
    best: Cell
    best_words: str


@dataclass(frozen=True)
class BesideTransfer:
    """A figure of a transfer task: what was reported at first, what is now, and ours."""

    words: str
    metric: str
    named: str
    seed: str
    current: str
    here: Cell


def section(material: Material, gallery: Gallery) -> Section:
    """Figures by task; always there, since the papers' figures are."""
    table = material.table
    splits = splits_of(table)
    split = "random" if "random" in splits or not splits else splits[0]
    content = {
        "no2": beside_paper(table, split),
        "pollutants": beside_aqnet(table, split),
        "transfer": beside_transfer(table, "random"),
        "split": names.SPLITS[split],
        "rows": reported.PAPER,
        "aqnet_mse": next(row.mse for row in reported.PAPER if row.method == "aqnet"),
        "gain": reported.headline_gain(),
        "real_table": reported.REAL_TABLE,
    }
    return Section("paper", "The paper", content)


def beside_paper(table: pd.DataFrame, split: str) -> list[Beside]:
    """The paper's figures and this run's on ``split`` (best inputs of the same protocol)."""
    lines = []
    for row in reported.PAPER:
        r2 = _ours(table, "no2", row.method, row.protocol, split, "r2")
        mse = _ours(table, "no2", row.method, row.protocol, split, "mse")
        lines.append(
            Beside(
                names.label(row.method, row.protocol), number(row.r2, 3), number(row.mse, 1),
                figure_cell(r2, "r2"), figure_cell(mse, "mse").text,
            )
        )  # fmt: skip
    return lines


def beside_aqnet(table: pd.DataFrame, split: str) -> list[BesidePollutant]:
    """AQNet with three outputs, and this run's R² of each pollutant on ``split``."""
    lines = []
    for row in reported.AQNET_THREE_OUTPUTS:
        ours = _ours(table, row.task, "aqnet", "supervised", split, "r2")
        known = measured(table, "r2", row.task)
        known = known[(known["split"] == split) & ~known["method"].str.startswith("oracle")]
        best = known.sort_values("value").iloc[-1] if len(known) else None
        words = "" if best is None else names.label(best["method"], best["protocol"])
        lines.append(
            BesidePollutant(
                names.TASKS[row.task], number(row.r2, 3), figure_cell(ours, "r2"),
                figure_cell(best, "r2"), words,
            )
        )  # fmt: skip
    return lines


def beside_transfer(table: pd.DataFrame, split: str) -> list[BesideTransfer]:
    """The paper's figures of the transfer tasks, in percent as it gives them, and ours."""
    return [
        BesideTransfer(
            f"{names.TASKS[row.task]}, {names.PROTOCOLS[row.protocol]}", names.METRICS[row.metric],
            row.named, number(100 * row.seed, 1), number(100 * row.current, 1),
            figure_cell(_ours(table, row.task, "mmaq", row.protocol, split, row.metric),
                        row.metric),
        )
        for row in reported.TRANSFER
    ]  # fmt: skip


def _ours(
    table: pd.DataFrame, task: str, method: str, protocol: str, split: str, metric: str
) -> pd.Series | None:
    rows = measured(table, metric, task)
    rows = rows[(rows["method"] == method) & (rows["protocol"] == protocol)]
    rows = rows[rows["split"] == split].sort_values("value", ascending=metric == "mse")
    return None if rows.empty else rows.iloc[0]
