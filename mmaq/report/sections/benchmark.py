"""The benchmark of the pollutants, as tables."""

from __future__ import annotations

import pandas as pd

from mmaq.contracts.benchmark import COLUMNS, main_rows
from mmaq.report.gallery import Gallery
from mmaq.report.material import Material, Section
from mmaq.report.numbers import MISSING
from mmaq.report.tables import benchmark_tables
from mmaq.vocabulary import POLLUTANTS


def section(material: Material, gallery: Gallery) -> Section | None:
    """A table a pollutant, and every row over all stations and labels."""
    tables = benchmark_tables(material.table, POLLUTANTS)
    if not tables:
        return None
    rows = main_rows(material.table)
    content = {
        "tables": tables,
        "kinds": set().union(*(table.kinds for table in tables)),
        "columns": COLUMNS,
        "rows": _long(rows),
        "others": len(material.table) - len(rows),
    }
    return Section("table", "Table", content)


def _long(table: pd.DataFrame) -> list[list[str]]:
    """Rows as text, a missing value as an en dash."""
    text = table.astype(object).where(table.notna(), MISSING)
    return [[_plain(value) for value in row] for row in text.itertuples(index=False, name=None)]


def _plain(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
