"""Where the stations are: the EEA's Pan-European metadata table.

Layout: tab-separated, one row for each sampling process, so several rows a station. Source: EEA
air quality download service, ``PanEuropean_metadata.csv``.

Delimited tables that others made: read whole, checked column by column, refused in one line.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from os import PathLike
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from mmaq.base.errors import TableError
from mmaq.contracts.sites import FARTHEST, SITING
from mmaq.vocabulary import AREAS, TYPES

NO2_CODE = 8
"""Pollutant code of NO2 (http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8)."""

_NAMES = {
    "AirQualityStation": "site_id", "SamplingPoint": "sampling_point", "Countrycode": "country",
    "Longitude": "lon", "Latitude": "lat", "Altitude": "altitude",
    "AirQualityStationArea": "area", "AirQualityStationType": "type",
    "AirPollutantCode": "pollutant", "ObservationDateBegin": "begin",
}  # fmt: skip

_SITING = {
    "InletHeight": "inlet_height", "BuildingDistance": "building_distance",
    "KerbDistance": "kerb_distance",
}  # fmt: skip
"""In the EEA's own table; those that others make in its layout may lack them."""


def read_metadata(path: str | PathLike[str]) -> pd.DataFrame:
    """The EEA station table, one row a sampling process, under the names of this package.

    Coordinates in degrees, altitude and the inlet's place in m (missing where a network fills the
    column with a number that is none). ``pollutant`` is the EEA's code, ``area`` is rural,
    suburban or urban (the EEA's rural subclasses are merged), ``begin`` an ISO date as text.

    Raises:
        TableError: the file is missing or lacks a column; a coordinate is not a number.
    """
    table = read_table(path, list(_NAMES), separator="\t", optional=list(_SITING))
    table = table.rename(columns={**_NAMES, **_SITING})
    table = table.reindex(columns=[*_NAMES.values(), *SITING])
    table = to_numbers(table, ("lon", "lat", "altitude", *SITING), "site_id", path)
    for name in SITING:
        table[name] = table[name].where(table[name].between(0.0, FARTHEST))
    code = table["pollutant"].str.rsplit("/", n=1).str[-1]
    table["pollutant"] = pd.to_numeric(code, errors="coerce").fillna(-1).astype(int)
    table["area"] = table["area"].str.replace(r"^rural.*", "rural", regex=True)
    return table


def one_row_a_station(metadata: pd.DataFrame) -> pd.DataFrame:
    """One row for each station: its NO2 sampling process that began last.

    A station that has moved or was classed anew keeps its latest place and class; a station
    without NO2 keeps the latest row of any pollutant.
    """
    ordered = metadata.assign(no2=metadata["pollutant"] == NO2_CODE)
    ordered = ordered.sort_values(["no2", "begin"], na_position="first", kind="stable")
    latest = ordered.drop_duplicates("site_id", keep="last").drop(columns=["no2"])
    return latest.sort_values("site_id").reset_index(drop=True)


def station_of_sampling_point(metadata: pd.DataFrame) -> pd.Series:
    """Station id, indexed by sampling point (its ids are unique over Europe)."""
    pairs = metadata.drop_duplicates("sampling_point")
    return pairs.set_index("sampling_point")["site_id"]


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


def read_table(
    path: str | PathLike[str],
    columns: Sequence[str],
    separator: str = ",",
    optional: Sequence[str] = (),
) -> pd.DataFrame:
    """Read the named columns of a delimited table (plain or zipped) as text.

    Those of ``optional`` that the table has come after ``columns``, in the order given here.

    Columns that are not asked for are never parsed, so nothing else of the table can leak.

    Raises:
        TableError: the file is missing, is no such table, lacks a column, or holds no rows.
    """
    try:
        table = pd.read_csv(
            path, sep=separator, usecols=lambda name: name in {*columns, *optional}, dtype=str,
            encoding="utf-8-sig",
        )  # fmt: skip
    except FileNotFoundError:
        raise TableError(path, "the file does not exist", "Give an existing table") from None
    except pd.errors.EmptyDataError:
        raise TableError(path, "the table is empty", "Give a table with rows") from None
    except (pd.errors.ParserError, UnicodeDecodeError, BadZipFile, ValueError) as fault:
        raise TableError(path, f"not a delimited table ({fault})", "Download it again") from None
    missing = [name for name in columns if name not in table]
    if missing:
        names = ", ".join(repr(name) for name in missing)
        noun = "column" if len(missing) == 1 else "columns"
        verb = "is" if len(missing) == 1 else "are"
        raise TableError(path, f"{noun} {names} {verb} missing", "Give a table in that layout")
    if table.empty:
        raise TableError(path, "the table holds no rows", "Give a table with rows")
    return table[[*columns, *(name for name in optional if name in table)]]


def to_numbers(
    table: pd.DataFrame, columns: Collection[str], key: str, path: str | PathLike[str]
) -> pd.DataFrame:
    """Parse ``columns`` as finite float64 in place of the text; an empty cell becomes NaN.

    Raises:
        TableError: a cell is not a finite number; names column, value and the row's ``key``.
    """
    table = table.copy()
    for column in columns:
        values = pd.to_numeric(table[column], errors="coerce").astype(float)
        bad = (values.isna() & table[column].notna()) | np.isinf(values)
        if bad.any():
            row = table[bad].iloc[0]
            fault = f"column {column!r} holds {row[column]!r} at {row[key]!r}, not a finite number"
            raise TableError(path, fault, "Correct that cell")
        table[column] = values
    return table


def check_unique(table: pd.DataFrame, key: str, path: str | PathLike[str]) -> None:
    """Refuse a table in which ``key`` is missing or repeated (TableError names the value)."""
    if table[key].isna().any():
        raise TableError(path, f"column {key!r} has an empty cell", "Give every row its id")
    twice = table.loc[table[key].duplicated(), key]
    if len(twice):
        raise TableError(path, f"{twice.iloc[0]!r} stands twice in {key!r}", "Keep one row of it")


def check_range(
    table: pd.DataFrame, column: str, low: float, high: float, key: str, path: str | PathLike[str]
) -> None:
    """Refuse a value outside [low, high] or missing (TableError names it and the row's ``key``)."""
    bad = ~table[column].between(low, high)
    if bad.any():
        row = table[bad].iloc[0]
        fault = f"column {column!r} has the impossible value {row[column]:g} at {row[key]!r}"
        raise TableError(path, fault, f"Give values from {low:g} to {high:g}")
