"""The station table that the archive holds: which of the EEA's processes, and how it is written.

It is in the layout of PanEuropean_metadata.csv (tab-separated, a row a sampling process), of which
the columns that MMAQ reads are kept.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mmaq.base.files import replacing
from mmaq.config.data import Period
from mmaq.contracts.stations import NO2_CODE

COLUMNS = (
    "Countrycode", "AirQualityStation", "SamplingPoint", "AirPollutantCode",
    "ObservationDateBegin", "ObservationDateEnd", "Longitude", "Latitude", "Altitude",
    "AirQualityStationType", "AirQualityStationArea",
)  # fmt: skip
"""Columns of the archive's table, by the names of PanEuropean_metadata.csv."""


def active_no2(
    table: pd.DataFrame,
    countries: tuple[str, ...],
    bbox: tuple[float, float, float, float],
    period: Period,
) -> pd.DataFrame:
    """Rows of NO2 sampling processes of the countries, in the box, at work in the period.

    A process without a begin or an end counts as at work before, or ever since.
    """
    west, south, east, north = bbox
    lon, lat = (pd.to_numeric(table[name], errors="coerce") for name in ("Longitude", "Latitude"))
    first, last = period.start.isoformat(), period.end.isoformat()
    kept = (
        table["AirPollutantCode"].str.rsplit("/", n=1).str[-1].eq(str(NO2_CODE))
        & table["Countrycode"].isin(countries)
        & lon.between(west, east) & lat.between(south, north)
        & (table["ObservationDateBegin"].str[:10].fillna("") <= last)
        & (table["ObservationDateEnd"].str[:10].fillna("9999") >= first)
    )  # fmt: skip
    return table[kept].reset_index(drop=True)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write rows in the archive's layout; equal rows give equal bytes."""
    order = ["AirQualityStation", "SamplingPoint", "ObservationDateBegin"]
    ordered = table[list(COLUMNS)].drop_duplicates().sort_values(order, kind="stable")
    with replacing(path) as temporary:
        ordered.to_csv(temporary, sep="\t", index=False, lineterminator="\n")
