"""What the archive's collection ``stations`` holds: the EEA's table of stations and its codes.

The table is the air quality download service's ``PanEuropean_metadata.csv`` (tab-separated), or
what the EEA's table viewer gives: the same facts comma separated under names with spaces, with
day-first dates and the pollutants by their notation, but not the station's own id, so that its EoI
code takes that place. Either has a row a sampling process, so several rows a station. Measurements
are the Parquet files of the same service (``mmaq.landuse.measurements`` reads them); what other
networks measured is written in their layout.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from os import PathLike

import pandas as pd

from mmaq.base.errors import TableError
from mmaq.base.tables import at_line, read_header, read_table, to_numbers, without_empty
from mmaq.contracts.sites import FARTHEST, SITING

NO2_CODE = 8
"""Pollutant code of NO2 (http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8)."""

NO2 = f"http://dd.eionet.europa.eu/vocabulary/aq/pollutant/{NO2_CODE}"

UNIT = "ug.m-3"
"""Of NO2 in the measurements."""

MICROGRAMS = (UNIT, *(f"{micro}g/m{cube}" for micro in "uµμ" for cube in "3³"))
"""Spellings of that unit: with the micro sign, the Greek letter, or a plain u."""

BELIEVED = (-10.0, 2000.0)
"""What an hour or a day of NO2 can be, µg/m³. The noise of an analyser about zero stays above (the
EPA's Air Quality System takes nothing below -5 ppb); beyond lie fill values."""

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

_ADDRESS = r"^.*/"
"""What stands before a code where the vocabulary's address is given."""

STATION, POINT = "AirQualityStation", "SamplingPoint"

BEGIN, END = "ObservationDateBegin", "ObservationDateEnd"

_VIEWER = {
    "Country": "Countrycode", "Air Quality Station EoI Code": "AirQualityStation",
    "Sampling Point Id": "SamplingPoint", "Air Pollutant": "AirPollutantCode",
    "Operational Activity Begin": "ObservationDateBegin", "Operational Activity End": END,
    "Longitude": "Longitude", "Latitude": "Latitude", "Altitude": "Altitude",
    "Air Quality Station Type": "AirQualityStationType",
    "Air Quality Station Area": "AirQualityStationArea",
}  # fmt: skip

MARKS = {"SamplingPoint", "Sampling Point Id"}
"""The column by which the table is known in one form and in the other."""

_DAY_FIRST = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y")
"""The viewer's dates, and what Excel makes of any date where it saves the table, here with slashes
for its points and hyphens."""

_ISO_DAY = r"\d{4}-[01]\d-[0-3]\d"

_NUMBER = r"[+-]?(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][+-]?\d+)?"

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

log = logging.getLogger(__name__)


def is_station_table(path: str | PathLike[str]) -> bool:
    """Whether a file's header is that of the EEA's station table, in either form."""
    try:
        header = set(read_header(path, [*_NAMES, *_VIEWER]))
    except TableError:
        return False
    return bool(MARKS & header)


def read_station_table(path: str | PathLike[str]) -> pd.DataFrame:
    """The EEA's station table in either form, as text under PanEuropean_metadata.csv's names.

    Columns of ``_NAMES``, and of the end of observation and the inlet's place where it has them.
    Dates that have the day first become ISO dates; what is no date stays as it is.

    Raises:
        TableError: the file is missing, or neither of the two.
    """
    header = read_header(path, [*_NAMES, *_VIEWER])
    if not MARKS & set(header):
        fault = "neither PanEuropean_metadata.csv nor the CSV of the EEA's table viewer"
        raise TableError(path, fault, "Download the EEA's station table again")
    if "Sampling Point Id" in header:
        table = _from_viewer(read_table(path, list(_VIEWER)))
    else:
        table = read_table(path, list(_NAMES), optional=[END, *_SITING])
    for name in {BEGIN, END} & set(table):
        table[name] = _iso(table[name])
    return table


def _from_viewer(table: pd.DataFrame) -> pd.DataFrame:
    table = table.rename(columns=_VIEWER)
    code = table["AirQualityStation"].str[:2]
    table["Countrycode"] = table["Countrycode"].map(_COUNTRIES).fillna(code)
    is_no2 = table["AirPollutantCode"] == "NO2"
    table["AirPollutantCode"] = table["AirPollutantCode"].mask(is_no2, NO2)
    return table[table[STATION].notna() & table[POINT].notna()]


def _iso(dates: pd.Series) -> pd.Series:
    """Dates as text: those of ``_DAY_FIRST`` in ISO form, others as they are."""
    dates = without_empty(dates)
    others = dates[dates.notna() & ~dates.str.match(_ISO_DAY).eq(True)]
    slashed = others.str.replace(r"[.-]", "/", regex=True)
    for form in _DAY_FIRST:
        day = pd.to_datetime(slashed, format=form, errors="coerce").dropna()
        dates = day.dt.strftime("%Y-%m-%dT%H:%M:%S").reindex(dates.index).fillna(dates)
    return dates


def read_metadata(path: str | PathLike[str]) -> pd.DataFrame:
    """The EEA station table as :func:`to_metadata` gives it, of all of its stations.

    Raises:
        TableError: the file is missing or lacks a column; a coordinate is not a number.
    """
    return to_metadata(read_station_table(path), path)


def to_metadata(table: pd.DataFrame, path: str | PathLike[str]) -> pd.DataFrame:
    """Rows of ``read_station_table`` that are used, under the names of this package.

    Coordinates in degrees, altitude and the inlet's place in m (missing where a network fills the
    column with a number that is none, or with a word). ``pollutant`` is the EEA's code, ``area`` is
    rural, suburban or urban (the EEA's rural subclasses are merged), ``begin`` an ISO date as text.

    Raises:
        TableError: a coordinate is not a number, or ``begin`` is no date.
    """
    table = table.rename(columns={**_NAMES, **_SITING})
    heights = [name for name in ("altitude", *SITING) if name in table]
    for name in heights:
        table[name] = _without_words(table, name, path)
    table = to_numbers(table, ["lon", "lat", *heights], "site_id", path)
    table = table.reindex(columns=[*_NAMES.values(), *SITING])
    for name in SITING:
        table[name] = table[name].where(table[name].between(0.0, FARTHEST))
    table["pollutant"] = pollutant_codes(table["pollutant"])
    for name in ("area", "type"):  # by name in the tables, by address in the vocabulary
        table[name] = without_empty(table[name].str.replace(_ADDRESS, "", regex=True).str.lower())
    table["area"] = table["area"].str.replace(r"^rural.*", "rural", regex=True)
    bad = table["begin"].notna() & ~table["begin"].str.match(_ISO_DAY).eq(True)
    if bad.any():
        begin = table.loc[bad, "begin"].iloc[0]
        fault = f"{at_line(table, bad)}observation begins at {begin!r}, which is no date"
        raise TableError(path, fault, "Write it as 2015-12-31 or 31/12/2015")
    return table


def _without_words(table: pd.DataFrame, name: str, path: str | PathLike[str]) -> pd.Series:
    """A column of lengths, of which those that are no numbers are missing, and counted."""
    texts = without_empty(table[name])
    bad = texts.notna() & ~texts.str.fullmatch(_NUMBER).eq(True)
    if bad.any():
        row = table[bad].iloc[0]
        log.warning(
            "%s: %d cells of %s are no numbers and taken for missing, the first %s%r at %r",
            path, int(bad.sum()), name, at_line(table, bad), row[name], row["site_id"],
        )  # fmt: skip
    return texts.mask(bad)


def pollutant_codes(pollutants: pd.Series) -> pd.Series:
    """The EEA's codes (int) of pollutants given as such, by address, or NO2 by name; else -1."""
    if pd.api.types.is_integer_dtype(pollutants):
        return pollutants.astype(int)
    last = pollutants.astype("str").str.replace(_ADDRESS, "", regex=True)
    last = last.replace("NO2", str(NO2_CODE))
    return pd.to_numeric(last, errors="coerce").fillna(-1).astype(int)


def one_row_a_station(metadata: pd.DataFrame) -> pd.DataFrame:
    """One row for each station: its NO2 sampling process that began last.

    A station that has moved or was classed anew keeps its latest place and class; a station
    without NO2 keeps the latest row of any pollutant.
    """
    ordered = metadata.assign(no2=metadata["pollutant"] == NO2_CODE)
    ordered = ordered.sort_values(["no2", "begin"], na_position="first", kind="stable")
    latest = ordered.drop_duplicates("site_id", keep="last").drop(columns=["no2"])
    return latest.sort_values("site_id").reset_index(drop=True)


def station_of_sampling_point(table: pd.DataFrame) -> pd.Series:
    """Station id, by sampling point (its ids are unique over Europe), of ``read_station_table``."""
    return table.drop_duplicates(POINT).set_index(POINT)[STATION]
