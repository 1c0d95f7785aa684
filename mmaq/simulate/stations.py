"""What the country's stations measure, and how its network publishes that.

An instrument has a gain error of its own, daily noise, gaps and bad days. The collection
``stations`` holds the item ``stations`` with the assets ``table`` (tab-separated, the header of
the EEA's PanEuropean_metadata.csv) and ``measurements`` (a year of daily NO2 in the layout of the
EEA download service), and the item ``unlabelled`` with the asset ``table`` (CSV: site_id, lon,
lat, country).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from mmaq.base.files import replacing
from mmaq.contracts.archive import STATIONS, Asset, Product, write_collection
from mmaq.simulate.world.air import Air
from mmaq.vocabulary import AREAS, TYPES

GAIN = 0.11
"""Standard deviation of a station's gain error; the EU asks for 15 % at the limit value."""

DAILY = 1.2
"""Standard deviation in µg/m3 of a day's random error."""

ABSENT, INVALID = 0.02, 0.02
"""Shares of days without a row and of days that the operator flags as invalid."""

LONGEST_GAP = 0.1
"""A station's one long outage lasts up to this share of the period."""

VOCABULARY = "http://dd.eionet.europa.eu/vocabulary/aq"

NO2, OZONE = 8, 7
"""Numbers of the pollutants in the EEA's vocabulary."""

TABLE_COLUMNS = (
    "Countrycode", "Timezone", "Namespace", "AirQualityNetwork", "AirQualityStation",
    "AirQualityStationEoICode", "AirQualityStationNatCode", "SamplingPoint", "SamplingProces",
    "Sample", "AirPollutantCode", "ObservationDateBegin", "ObservationDateEnd", "Projection",
    "Longitude", "Latitude", "Altitude", "MeasurementType", "AirQualityStationType",
    "AirQualityStationArea", "EquivalenceDemonstrated", "MeasurementEquipment", "InletHeight",
    "BuildingDistance", "KerbDistance",
)  # fmt: skip
"""Header of the EEA's station table (PanEuropean_metadata.csv)."""

MEASUREMENT_SCHEMA = arrow.schema(
    [
        ("Samplingpoint", arrow.string()),
        ("Pollutant", arrow.int32()),
        arrow.field("Start", arrow.timestamp("ns"), nullable=False),
        arrow.field("End", arrow.timestamp("ns"), nullable=False),
        ("Value", arrow.decimal128(38, 18)),
        ("Unit", arrow.string()),
        ("AggType", arrow.string()),
        arrow.field("Validity", arrow.int32(), nullable=False),
        arrow.field("Verification", arrow.int32(), nullable=False),
        arrow.field("ResultTime", arrow.timestamp("ns"), nullable=False),
        ("DataCapture", arrow.decimal128(38, 18)),
        ("FkObservationLog", arrow.string()),
    ]
)
"""Columns and types of a Parquet file of the EEA download service."""


@dataclass(frozen=True)
class Measurements:
    """Arrays (days, stations) unless said otherwise."""

    days: tuple[date, ...]
    value: np.ndarray  # µg/m3; nonsense on invalid days
    present: np.ndarray  # bool: a row is published
    validity: np.ndarray  # EEA code: 1 valid, -1 invalid
    noise_sd: np.ndarray  # (stations,) µg/m3, of the mean over the period


def measure(air: Air, rng: np.random.Generator) -> Measurements:
    """Measure the daily concentrations (days, stations) of ``air``."""
    count, stations = air.surface.shape
    gain = 1.0 + GAIN * np.clip(rng.standard_normal(stations), -3.0, 3.0)
    value = np.maximum(air.surface * gain + DAILY * rng.standard_normal(air.surface.shape), 0.0)
    present = rng.uniform(size=value.shape) >= ABSENT
    first = rng.integers(0, count, stations)
    length = (rng.uniform(0.0, LONGEST_GAP, stations) * count).astype(int)
    day = np.arange(count)[:, None]
    present &= (day < first) | (day >= first + length)
    invalid = rng.uniform(size=value.shape) < INVALID
    value = np.where(invalid, value * rng.uniform(0.0, 4.0, value.shape), value)
    valid = np.maximum((present & ~invalid).sum(axis=0), 1)
    missing = 1.0 - valid / count
    sampling = air.surface.var(axis=0) * missing / valid
    noise = np.sqrt((GAIN * air.surface.mean(axis=0)) ** 2 + DAILY**2 / valid + sampling)
    return Measurements(air.days, value, present, np.where(invalid, -1, 1), noise)


def write_stations(sites: pd.DataFrame, measured: Measurements, root: Path) -> None:
    """Write both items, or the stations alone where all sites are such, and their collection.

    ``sites`` is the world's table; the columns of ``measured`` follow its labelled rows.
    """
    stations, unlabelled = sites[sites["labelled"]], sites[~sites["labelled"]]
    table = root / STATIONS / "stations" / "stations.csv"
    with replacing(table) as temporary:
        _station_table(stations).to_csv(temporary, sep="\t", index=False, lineterminator="\n")
    values = root / STATIONS / "stations" / "no2_daily.parquet"
    with replacing(values) as temporary:
        parquet.write_table(_measurement_table(stations, measured), temporary)
    start = datetime.combine(measured.days[0], time(), timezone.utc)
    west, south = (float(sites[name].min()) for name in ("lon", "lat"))
    east, north = (float(sites[name].max()) for name in ("lon", "lat"))
    box = (west, south, east, north)
    assets = {"table": Asset(table), "measurements": Asset(values)}
    products = [Product("stations", STATIONS, start, box, assets)]
    if len(unlabelled):
        places = root / STATIONS / "unlabelled" / "unlabelled.csv"
        with replacing(places) as temporary:
            unlabelled[["site_id", "lon", "lat", "country"]].to_csv(
                temporary, index=False, lineterminator="\n"
            )
        products.append(Product("unlabelled", STATIONS, start, box, {"table": Asset(places)}))
    write_collection(root, STATIONS, "Stations that measure NO2, and sites that do not", products)


def _code(site_id: str) -> str:
    """``XM0001A`` of ``STA.XM0001A``."""
    return site_id.split(".", 1)[1]


def _station_table(stations: pd.DataFrame) -> pd.DataFrame:
    """One row a station and pollutant; every third station measures ozone, too."""
    rows = [_station_rows(site, number) for number, site in enumerate(stations.itertuples())]
    return pd.DataFrame([row for pair in rows for row in pair], columns=list(TABLE_COLUMNS))


def _station_rows(site: tuple, number: int) -> list[dict[str, object]]:
    code = _code(site.site_id)  # type: ignore[attr-defined]
    kind = next(name for name in TYPES if getattr(site, name) == 1.0)
    row = {
        "Countrycode": site.country,  # type: ignore[attr-defined]
        "Timezone": f"{VOCABULARY}/timezone/UTC+01",
        "Namespace": f"{site.country}.SIMULATED.AQ",  # type: ignore[attr-defined]
        "AirQualityNetwork": f"NET.{site.country}001A",  # type: ignore[attr-defined]
        "AirQualityStation": site.site_id,  # type: ignore[attr-defined]
        "AirQualityStationEoICode": code,
        "AirQualityStationNatCode": code[2:],
        "ObservationDateBegin": "2010-01-01T00:00:00",
        "ObservationDateEnd": "",
        "Projection": "EPSG:4979",
        "Longitude": site.lon,  # type: ignore[attr-defined]
        "Latitude": site.lat,  # type: ignore[attr-defined]
        "Altitude": site.altitude,  # type: ignore[attr-defined]
        "MeasurementType": "automatic",
        "AirQualityStationType": kind,
        "AirQualityStationArea": next(name for name in AREAS if getattr(site, name) == 1.0),
        "EquivalenceDemonstrated": "ref",
        "MeasurementEquipment": f"{VOCABULARY}/measurementequipment/API200E",
        "InletHeight": 3,
        "BuildingDistance": -999,
        "KerbDistance": 5 if kind == "traffic" else -999,
    }
    pollutants = (NO2, OZONE) if number % 3 == 0 else (NO2,)
    return [row | _sampling(code, pollutant) for pollutant in pollutants]


def _sampling(code: str, pollutant: int) -> dict[str, object]:
    return {
        "SamplingPoint": f"SPO.{code}.{pollutant}.1",
        "SamplingProces": f"SPP.{code}.{pollutant}.1",
        "Sample": f"SAM.{code}.{pollutant}.1",
        "AirPollutantCode": f"{VOCABULARY}/pollutant/{pollutant}",
    }


def _measurement_table(stations: pd.DataFrame, measured: Measurements) -> arrow.Table:
    """Rows by station, then day; a day the instrument was off has no row. Stamps are UTC+1."""
    days = np.array(measured.days, dtype="datetime64[ns]")
    station, day = np.nonzero(measured.present.T)
    names = [
        f"{country}/SPO.{_code(site)}.{NO2}.1"
        for site, country in zip(stations["site_id"], stations["country"], strict=True)
    ]
    logs = [str(uuid.uuid5(uuid.NAMESPACE_URL, name)) for name in names]
    published = np.datetime64(measured.days[-1] + timedelta(days=180), "ns")
    count = len(station)
    value = np.round(measured.value.T[station, day], 6)
    columns = {
        "Samplingpoint": arrow.array(names).take(arrow.array(station)),
        "Pollutant": arrow.array(np.full(count, NO2, np.int32)),
        "Start": arrow.array(days[day]),
        "End": arrow.array(days[day] + np.timedelta64(1, "D")),
        "Value": arrow.array(value).cast(arrow.decimal128(38, 18)),
        "Unit": arrow.repeat(arrow.scalar("ug.m-3"), count),
        "AggType": arrow.repeat(arrow.scalar("day"), count),
        "Validity": arrow.array(measured.validity.T[station, day].astype(np.int32)),
        "Verification": arrow.array(np.full(count, 1, np.int32)),
        "ResultTime": arrow.array(np.full(count, published)),
        "DataCapture": arrow.nulls(count, arrow.decimal128(38, 18)),
        "FkObservationLog": arrow.array(logs).take(arrow.array(station)),
    }
    return arrow.table(columns, schema=MEASUREMENT_SCHEMA)
