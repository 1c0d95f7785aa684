"""What the archive's collection ``stations`` holds: the EEA's table of stations and its codes.

The table is the air quality download service's ``PanEuropean_metadata.csv``: tab-separated, one row
a sampling process, so several rows a station. Measurements are the Parquet files of the same
service (``mmaq.landuse.measurements`` reads them); what other networks measured is written in
their layout.
"""

from __future__ import annotations

from datetime import timedelta
from os import PathLike

import pandas as pd

from mmaq.base.tables import read_table, to_numbers
from mmaq.contracts.sites import FARTHEST, SITING

NO2_CODE = 8
"""Pollutant code of NO2 (http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8)."""

UNIT = "ug.m-3"
"""Of NO2 in the measurements."""

UTC_OFFSET = timedelta(hours=1)
"""The download service gives Start and End in UTC+1, whatever the country."""

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
