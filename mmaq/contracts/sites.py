"""Contract 2, the site table: one row a site, written as Parquet.

Each column's unit stands in its metadata; of what surrounds a site also definition and source.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
import pyarrow.parquet as parquet

from mmaq.base.errors import TableError
from mmaq.base.files import reading, replacing
from mmaq.contracts.context import CONTEXT, COVARIATE, ON_MAP
from mmaq.vocabulary import AREAS, POLLUTANTS, TYPES

FEATURES = ("altitude", "population_density", *AREAS, *TYPES)
"""The eight land-use features, in the order of the released code."""

GEO = (
    "road_distance", "nature_score", "manmade_score", "share_built", "share_industry",
    "share_cropland", "share_forest", "share_grassland", "share_water",
)  # fmt: skip
"""What maps say beyond the eight features. A column that a source lacks is missing throughout."""

SITING = ("inlet_height", "building_distance", "kerb_distance")
"""How a station's inlet is placed, where its network says so; missing at unlabelled sites."""

HIGHEST = {"no2": 1000.0, "o3": 1000.0, "pm10": 2000.0, "co": 50_000.0, "so2": 2000.0}
"""Largest mean of each pollutant that is believed, ug/m3."""

ALTITUDES = (-430.0, 9000.0)
"""From the shore of the Dead Sea, m; what lies outside is a fill value."""

DENSITIES = (0.0, 2e5)
"""Of population, km-2."""

OFFICIAL = "official_test"
"""1 where the released code's split of a sample table tests, 0 where it trains."""

UNITS: dict[str, str] = {
    "lon": "degrees_east", "lat": "degrees_north", "altitude": "m", "population_density": "km-2",
    "road_distance": "m", **dict.fromkeys(SITING, "m"), **dict.fromkeys(POLLUTANTS, "ug m-3"),
    ON_MAP: "1", **{name: about.unit for name, about in CONTEXT.items()},
}  # fmt: skip
FARTHEST = 5000.0
"""Of what SITING holds, m: beyond it lie fill values and slips of the pen."""

COLUMNS = (
    "site_id", "lon", "lat", "country", *FEATURES, *GEO, *SITING, *CONTEXT, ON_MAP,
    *POLLUTANTS, OFFICIAL,
)  # fmt: skip
"""Behind them may stand the user's own, whose names begin with ``COVARIATE``."""
DISCS = ("population_density", *GEO[1:])
"""Means in a disc around the site, of one radius."""
NUMBERS = tuple(name for name in COLUMNS if name not in ("site_id", "country"))

_flag = pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True)
_metres = pa.Column(float, pa.Check.in_range(0.0, FARTHEST), nullable=True)
_share = pa.Column(float, pa.Check.in_range(0.0, 1.0), nullable=True)
SCHEMA = pa.DataFrameSchema(
    {
        "site_id": pa.Column(str, pa.Check.str_length(min_value=1), unique=True),
        "lon": pa.Column(float, pa.Check.in_range(-180.0, 180.0), nullable=True),
        "lat": pa.Column(float, pa.Check.in_range(-90.0, 90.0), nullable=True),
        "country": pa.Column(str, pa.Check.str_length(2, 2)),
        "altitude": pa.Column(float, pa.Check.in_range(*ALTITUDES), nullable=True),
        "population_density": pa.Column(float, pa.Check.in_range(*DENSITIES), nullable=True),
        **dict.fromkeys((*AREAS, *TYPES), _flag),
        "road_distance": pa.Column(float, pa.Check.ge(0.0), nullable=True),
        **dict.fromkeys(GEO[1:], _share),
        **dict.fromkeys(SITING, _metres),
        **{
            name: pa.Column(float, pa.Check.in_range(about.low, about.high), nullable=True)
            for name, about in CONTEXT.items()
        },
        ON_MAP: _share,
        **{
            name: pa.Column(float, pa.Check.in_range(0.0, highest), nullable=True)
            for name, highest in HIGHEST.items()
        },
        OFFICIAL: _flag,
        f"^{COVARIATE}": pa.Column(float, nullable=True, regex=True, required=False),
    },
    strict=True,
    ordered=True,
)

REMEDY = "Correct the table that the sites were made from"


def check_sites(sites: pd.DataFrame, where: str | os.PathLike[str]) -> pd.DataFrame:
    """Check a site table; ``where`` is the file to name in an error.

    Each one-hot group (area, type) is missing as a whole or sums to one. A site without any
    pollutant is unlabelled. Coordinates are missing at every site or at none.

    Raises:
        TableError: a column is missing or a value is impossible; names the column and the site.
    """
    for column in COLUMNS:
        if column not in sites:
            raise TableError(where, f"column {column!r} is missing", REMEDY)
    sites = sites[[*COLUMNS, *covariates_of(sites)]].reset_index(drop=True)
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


def write_sites(
    sites: pd.DataFrame,
    path: str | os.PathLike[str],
    sources: Mapping[str, str] | None = None,
    radius_m: float | None = None,
) -> None:
    """Check and write the site table.

    Args:
        sites: contract 2.
        path: where.
        sources: what columns were made from, as far as it is known.
        radius_m: of the discs in which ``DISCS`` were averaged, m; None where others did so.
    """
    table = arrow.Table.from_pandas(check_sites(sites, path), preserve_index=False)
    schema = table.schema
    for position, name in enumerate(schema.names):
        about = {"units": UNITS[name]} if name in UNITS else {}
        if name in CONTEXT:
            about["definition"] = CONTEXT[name].definition
        if sources and name in sources:
            about["source"] = sources[name]
        if radius_m is not None and name in DISCS:
            about["radius_m"] = repr(float(radius_m))
        schema = schema.set(position, schema.field(position).with_metadata(about))
    with replacing(path) as temporary:
        parquet.write_table(table.cast(schema), temporary)


def read_sites(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read and check the site table.

    Raises:
        TableError: the file is absent, is not Parquet, or breaks the schema.
    """
    if not Path(path).exists():
        raise TableError(path, "the site table does not exist", "Make it with `mmaq landuse`")
    with reading(path, TableError, "not a Parquet file", "Run `mmaq landuse` again"):
        sites = parquet.read_table(path).to_pandas()
    return check_sites(sites, path)


def read_sources(path: str | os.PathLike[str]) -> dict[str, str]:
    """What columns of a site table were made from, where it says so."""
    fields = {field.name: field.metadata or {} for field in parquet.read_schema(path)}
    return {name: held[b"source"].decode() for name, held in fields.items() if b"source" in held}


def read_radius(path: str | os.PathLike[str]) -> float | None:
    """Of the discs in which ``DISCS`` were averaged, m; None where the table does not say so."""
    held = parquet.read_schema(path).field(DISCS[0]).metadata or {}
    return float(held[b"radius_m"]) if b"radius_m" in held else None


def covariates_of(sites: pd.DataFrame) -> list[str]:
    """The columns that the user added."""
    return [name for name in sites if name.startswith(COVARIATE)]


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
    """Name of the block of each site: column and row of a grid with origin at 0 N, 0 E.

    Empty where a site has no coordinates.
    """
    column, row = (np.floor(np.asarray(values, float) / degrees) for values in (lon, lat))
    names = [f"{x:.0f}_{y:.0f}" for x, y in zip(column, row, strict=True)]
    return np.where(np.isnan(column), "", np.array(names, dtype=object))


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
