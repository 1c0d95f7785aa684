"""The result at a glance, and what has to be known to read it."""

from __future__ import annotations

import pandas as pd

from mmaq.contracts.benchmark import main_rows
from mmaq.report import names
from mmaq.report.choose import measured
from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section
from mmaq.report.pairs import r2_pairs, verdicts
from mmaq.report.standings import standings


def section(material: Material, gallery: Gallery) -> Section:
    """Cards by split, notes, and what is transductive."""
    r2 = measured(material.table, "r2")
    content = {
        "standings": standings(material.table, verdicts(r2_pairs(material.comparisons))),
        "learned_ran": bool(r2["method"].map(names.is_learned).any()),
        "unlabelled": bool(material.sites["no2"].isna().any()),
        "simulated": material.simulated,
        "notes": notes(material.table),
    }
    return Section("result", "Result", content)


def notes(table: pd.DataFrame) -> list[str]:
    """Remarks that rows over all stations carry although they ran."""
    rows = main_rows(table)
    rows = rows[(rows["status"] == "ok") & (rows["reason"] != "")]
    return [
        f"{names.label(row.method, row.protocol)}: {row.reason}"
        for row in rows.drop_duplicates(["method", "protocol", "reason"]).itertuples()
    ]
