"""What a station's row becomes in the site table: a possible place, and its classes as 0 or 1."""

from __future__ import annotations

from os import PathLike

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.tables import check_range
from mmaq.vocabulary import AREAS, TYPES


def check_places(table: pd.DataFrame, path: str | PathLike[str]) -> None:
    """Refuse impossible coordinates (TableError names the site)."""
    check_range(table, "lon", -180.0, 180.0, "site_id", path)
    check_range(table, "lat", -90.0, 90.0, "site_id", path)


def one_hot(table: pd.DataFrame, path: str | PathLike[str]) -> pd.DataFrame:
    """Columns rural, suburban, urban and traffic, industrial, background as 0.0 or 1.0.

    A missing area or type gives NaN in the whole group.

    Raises:
        TableError: an area or a type is none of the EEA's.
    """
    flags = {}
    for column, group in (("area", AREAS), ("type", TYPES)):
        unknown = table[column].notna() & ~table[column].isin(group)
        if unknown.any():
            row = table[unknown].iloc[0]
            fault = f"station {row.site_id!r} has the unknown {column} {row[column]!r}"
            raise TableError(path, fault, f"Use one of: {', '.join(group)}")
        for name in group:
            flag = (table[column] == name).astype(float)
            flags[name] = np.where(table[column].isna(), np.nan, flag)
    return pd.DataFrame(flags, index=table.index)
