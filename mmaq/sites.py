"""Contract 2, the site table: one row a site, written as Parquet with units in its metadata."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from mmaq.errors import TableError
from mmaq.files import replacing
from mmaq.site_columns import (
    AREAS,
    COLUMNS,
    FARTHEST,
    FEATURES,
    GEO,
    NUMBERS,
    OFFICIAL,
    POLLUTANTS,
    SCHEMA,
    SITING,
    TYPES,
    UNITS,
)

__all__ = [
    "AREAS", "COLUMNS", "FARTHEST", "FEATURES", "GEO", "NUMBERS", "OFFICIAL", "POLLUTANTS",
    "SITING", "TYPES", "UNITS", "check_sites", "has_places", "is_station", "read_sites",
    "spatial_block", "stations", "write_sites",
]  # fmt: skip

REMEDY = "Correct the table that the sites were made from"


def check_sites(sites: pd.DataFrame, where: str | os.PathLike[str]) -> pd.DataFrame:
    """Check a site table; ``where`` is the file to name in an error.

    Each one-hot group (area, type) is missing as a whole or sums to one. A site without any
    pollutant is unlabelled. Coordinates are missing at every site, with an empty ``block``, or at
    none.

    Raises:
        TableError: a column is missing or a value is impossible; names the column and the site.
    """
    for column in COLUMNS:
        if column not in sites:
            raise TableError(where, f"column {column!r} is missing", REMEDY)
    sites = sites[list(COLUMNS)].reset_index(drop=True)
    try:
        sites = SCHEMA.validate(sites)
    except pa.errors.SchemaError as fault:
        raise TableError(where, _explain(fault, sites), REMEDY) from None
    if has_places(sites):
        for name in ("lon", "lat"):
            if sites[name].isna().any():
                site = sites.loc[sites[name].isna(), "site_id"].iloc[0]
                raise TableError(where, f"column {name!r} is empty at site {site!r}", REMEDY)
    for name, group in (("area", AREAS), ("type", TYPES)):
        total = sites[list(group)].sum(axis=1, skipna=False)
        partly = sites[list(group)].isna().any(axis=1) & ~sites[list(group)].isna().all(axis=1)
        bad = (total.notna() & (total != 1.0)) | partly
        if bad.any():
            row = sites[bad].iloc[0]
            wrong = f"{name} of site {row.site_id!r} sums to {row[list(group)].sum():g}, not 1"
            raise TableError(where, wrong, REMEDY)
    return sites


def write_sites(sites: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Check and write the site table."""
    table = arrow.Table.from_pandas(check_sites(sites, path), preserve_index=False)
    schema = table.schema
    for name, unit in UNITS.items():
        position = schema.get_field_index(name)
        schema = schema.set(position, schema.field(position).with_metadata({"units": unit}))
    with replacing(path) as temporary:
        parquet.write_table(table.cast(schema), temporary)


def read_sites(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read and check the site table.

    Raises:
        TableError: the file is absent, is not Parquet, or breaks the schema.
    """
    if not Path(path).exists():
        raise TableError(path, "the site table does not exist", "Make it with `mmaq landuse`")
    try:
        sites = parquet.read_table(path).to_pandas()
    except (arrow.ArrowInvalid, OSError) as fault:
        raise TableError(
            path, f"not a Parquet file ({fault})", "Run `mmaq landuse` again"
        ) from None
    return check_sites(sites, path)


def stations(sites: pd.DataFrame, pollutant: str = "no2") -> pd.DataFrame:
    """The sites with a measurement of ``pollutant``."""
    return sites[sites[pollutant].notna()].reset_index(drop=True)


def is_station(sites: pd.DataFrame) -> np.ndarray:
    """Which sites have a measurement of any pollutant, (n,)."""
    return np.asarray(sites[list(POLLUTANTS)].notna().any(axis=1))


def has_places(sites: pd.DataFrame) -> bool:
    """Whether the sites have coordinates; a sample table brings none of its own."""
    return bool(sites[["lon", "lat"]].notna().any(axis=None))


def spatial_block(lon: np.ndarray, lat: np.ndarray, degrees: float) -> np.ndarray:
    """Name of the block of each site: column and row of a grid with origin at 0 N, 0 E."""
    column = np.floor(np.asarray(lon) / degrees).astype(int)
    row = np.floor(np.asarray(lat) / degrees).astype(int)
    return np.array([f"{x}_{y}" for x, y in zip(column, row, strict=True)], dtype=object)


def _explain(fault: pa.errors.SchemaError, sites: pd.DataFrame) -> str:
    column = getattr(fault.schema, "name", None)
    cases = fault.failure_cases
    if not isinstance(cases, pd.DataFrame) or cases.empty or "index" not in cases:
        return f"column {column!r} breaks the schema ({fault})"
    first = cases.iloc[0]
    site = sites["site_id"].iloc[int(first["index"])] if pd.notna(first["index"]) else "?"
    value = first["failure_case"]
    value = f"{value:g}" if isinstance(value, float) else repr(value)
    return f"column {column!r} has the impossible value {value} at site {site!r}"
