"""The station table that the archive holds, from either form in which the EEA publishes it.

The archive's is the layout of PanEuropean_metadata.csv (tab-separated, a row a sampling process),
of which the columns that MMAQ reads are kept. The EEA's table viewer gives the same facts comma
separated under names with spaces, with day-first dates and the pollutants by their notation; it
does not give the station's own id, so that its EoI code takes that place.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import pandas as pd

from mmaq.base.errors import ServiceError
from mmaq.base.files import replacing
from mmaq.config.data import Period
from mmaq.contracts.stations import NO2_CODE

VOCABULARY = "http://dd.eionet.europa.eu/vocabulary/aq/pollutant"

NO2 = f"{VOCABULARY}/{NO2_CODE}"

COLUMNS = (
    "Countrycode", "AirQualityStation", "SamplingPoint", "AirPollutantCode",
    "ObservationDateBegin", "ObservationDateEnd", "Longitude", "Latitude", "Altitude",
    "AirQualityStationType", "AirQualityStationArea",
)  # fmt: skip
"""Columns of the archive's table, by the names of PanEuropean_metadata.csv."""

_VIEWER = {
    "Country": "Countrycode", "Air Quality Station EoI Code": "AirQualityStation",
    "Sampling Point Id": "SamplingPoint", "Air Pollutant": "AirPollutantCode",
    "Operational Activity Begin": "ObservationDateBegin",
    "Operational Activity End": "ObservationDateEnd", "Longitude": "Longitude",
    "Latitude": "Latitude", "Altitude": "Altitude",
    "Air Quality Station Type": "AirQualityStationType",
    "Air Quality Station Area": "AirQualityStationArea",
}  # fmt: skip

_DAY_FIRST = "%d/%m/%Y %H:%M:%S"

_COUNTRIES = {
    "Albania": "AL", "Andorra": "AD", "Austria": "AT", "Belgium": "BE",
    "Bosnia and Herzegovina": "BA", "Bulgaria": "BG", "Croatia": "HR", "Cyprus": "CY",
    "Czechia": "CZ", "Denmark": "DK", "Estonia": "EE", "Finland": "FI", "France": "FR",
    "Georgia": "GE", "Germany": "DE", "Gibraltar": "GI", "Greece": "GR", "Hungary": "HU",
    "Iceland": "IS", "Ireland": "IE", "Italy": "IT", "Latvia": "LV", "Liechtenstein": "LI",
    "Lithuania": "LT", "Luxembourg": "LU", "Malta": "MT", "Montenegro": "ME",
    "Netherlands": "NL", "North Macedonia": "MK", "Norway": "NO", "Poland": "PL",
    "Portugal": "PT", "Romania": "RO", "Serbia": "RS", "Slovakia": "SK", "Slovenia": "SI",
    "Spain": "ES", "Sweden": "SE", "Switzerland": "CH", "Ukraine": "UA", "United Kingdom": "GB",
}  # fmt: skip
"""A country that is not here (Kosovo and Türkiye change their names) goes by its EoI codes."""

REMEDY = "Search again later, or set acquire.endpoints.eea-table to another address"


def read_published_table(path: str | PathLike[str]) -> pd.DataFrame:
    """The EEA's table in either form, plain or zipped, as text under the names ``COLUMNS``.

    Raises:
        ServiceError: it is neither of the two.
    """
    for separator, names in (("\t", dict.fromkeys(COLUMNS)), (",", _VIEWER)):
        try:
            table = pd.read_csv(
                path, sep=separator, usecols=lambda name, names=names: name in names, dtype=str,
                encoding="utf-8-sig", compression="zip" if is_zipfile(path) else None,
            )  # fmt: skip
        except (ValueError, BadZipFile, OSError) as fault:
            raise ServiceError(path, f"not a station table ({fault})", REMEDY) from None
        if set(table) == set(names) and len(table):
            return table[list(COLUMNS)] if separator == "\t" else _from_viewer(table)
    fault_ = "neither PanEuropean_metadata.csv nor the table viewer's CSV"
    raise ServiceError(path, fault_, REMEDY)


def _from_viewer(table: pd.DataFrame) -> pd.DataFrame:
    table = table.rename(columns=_VIEWER)
    code = table["AirQualityStation"].str[:2]
    table["Countrycode"] = table["Countrycode"].map(_COUNTRIES).fillna(code)
    is_no2 = table["AirPollutantCode"] == "NO2"
    table["AirPollutantCode"] = table["AirPollutantCode"].mask(is_no2, NO2)
    for name in ("ObservationDateBegin", "ObservationDateEnd"):
        day = pd.to_datetime(table[name], format=_DAY_FIRST, errors="coerce")
        table[name] = day.dt.strftime("%Y-%m-%dT%H:%M:%S")
    for name in ("AirQualityStationType", "AirQualityStationArea"):
        table[name] = table[name].str.lower()
    known = table["AirQualityStation"].notna() & table["SamplingPoint"].notna()
    return table.loc[known, list(COLUMNS)].reset_index(drop=True)


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
