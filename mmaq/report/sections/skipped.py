"""Rows that could not run, by reason."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mmaq.report import names
from mmaq.report.choose import KEY
from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section
from mmaq.report.numbers import share

ONCE = ["task", *KEY, "split", "label_fraction"]


@dataclass(frozen=True)
class Skipped:
    """A reason, and the rows that it kept from running."""

    reason: str
    rows: list[str]


def section(material: Material, gallery: Gallery) -> Section | None:
    """Reasons and rows, where there are any."""
    groups = skipped(material.table)
    return Section("skipped", "Not run", groups) if groups else None


def skipped(table: pd.DataFrame) -> list[Skipped]:
    """Rows over all stations that could not run, by reason."""
    rows = table[(table["status"] == "skipped") & (table["group"] == "all")]
    groups = []
    for reason, part in rows.groupby("reason", sort=False):
        words: dict[str, list[str]] = {}
        for row in part.drop_duplicates(ONCE).itertuples():
            label = names.full((row.method, row.protocol, row.modalities))
            if row.task != "no2":
                label = f"{names.TASKS[row.task]}: {label}"
            if row.label_fraction != 1.0:
                label += f" on {share(row.label_fraction)} of the labels"
            words.setdefault(label, []).append(names.SPLITS[row.split])
        groups.append(
            Skipped(str(reason), [f"{label}: {', '.join(at)}" for label, at in words.items()])
        )
    return groups
