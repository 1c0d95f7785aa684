"""OpenAQ (API v3), for places outside Europe: hourly NO2, turned into the EEA's layout.

Interface (docs.openaq.org): /locations in a box, each with its sensors, their parameter and unit;
/sensors/ID/hours with datetime_from and datetime_to, pages of at most 1000 hours. ``meta.found``
may be the text ">1000", so a page that is not full is the last. The key goes in X-API-Key.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from mmaq.acquire.files.ancillary import UNDATED
from mmaq.acquire.ground.eea import COLUMNS
from mmaq.acquire.ground.openaq_answers import Hour, Location, Moment, Sensor, read_entry
from mmaq.acquire.manifest import RemoteProduct
from mmaq.acquire.search.paging import every_page
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ServiceError
from mmaq.base.files import replacing
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.stations import BELIEVED, MICROGRAMS, NO2, NO2_CODE, UNIT, UTC_OFFSET

PAGE = 1000

MICROGRAMS_PER_PPB = 1.9125
"""µg/m³ of NO2 in one ppb at 20 °C and 1013.25 hPa: 46.0055 g/mol over 24.055 L/mol, the state of
the air to which Directive 2008/50/EC, annex VI, refers."""

FACTORS = {
    **dict.fromkeys(MICROGRAMS, 1.0), "ppb": MICROGRAMS_PER_PPB, "ppm": 1000 * MICROGRAMS_PER_PPB,
}  # fmt: skip
"""µg/m³ in one of a unit."""

NINES = 900.0
"""µg/m³ from which a value of nothing but nines (999 ppb, 0.999 ppm) is a fill value: others of
them, like 9999 ppb or -0.099 ppm, are beyond what is believed."""

VALID, INVALID, NOT_VERIFIED = 1, -1, 3

log = logging.getLogger(__name__)


def find_sensors(
    acquire: Acquire, period: Period
) -> tuple[pd.DataFrame, list[RemoteProduct], dict[str, Any]]:
    """The station table of OpenAQ's reference monitors in the box, and a product a NO2 sensor.

    Mobile monitors and low-cost sensors are passed over: their NO2 cannot stand beside an agency's.

    Raises:
        ServiceError: the service answers something else, repeats a page, or knows no such monitor.
    """
    rows, products = [], []
    with Client(service("openaq", acquire.endpoints)) as client:
        at = client.service.url
        box = ",".join(f"{value:.4f}" for value in _outward(acquire.bbox))
        for entry in _pages(client, f"{at}/locations", {"bbox": box}):
            place = read_entry(Location, entry, "a location")
            for sensor in _sensors(place, acquire, period):
                rows.append(_row(place, sensor))
                products.append(_product(place, sensor, period, f"{at}/sensors/{sensor.id}/hours"))
    if not products:
        fault = f"no reference monitor in the box {acquire.bbox} measures NO2"
        raise ServiceError("openaq", fault, "Change bbox or countries")
    years = period.end.year - period.start.year + 1
    return pd.DataFrame(rows, columns=list(COLUMNS)), products, {"requests": 9 * years * len(rows)}


def _row(place: Location, sensor: Sensor) -> dict[str, str]:
    """A sensor's line of the station table."""
    first = place.datetimeFirst
    return dict.fromkeys(COLUMNS, "") | {
        "Countrycode": str(place.country.code), "AirQualityStation": f"OPENAQ.{place.id}",
        "SamplingPoint": f"SPO.OPENAQ.{sensor.id}", "AirPollutantCode": NO2,
        "Longitude": str(place.coordinates.longitude), "Latitude": str(place.coordinates.latitude),
        "ObservationDateBegin": first.utc.isoformat()[:19] if first else "",
    }  # fmt: skip


def _product(place: Location, sensor: Sensor, period: Period, href: str) -> RemoteProduct:
    lon, lat = place.coordinates.longitude, place.coordinates.latitude
    last = min(place.datetimeLast.day, period.end).isoformat() if place.datetimeLast else ""
    return RemoteProduct(
        id=f"SPO.OPENAQ.{sensor.id}",
        time=UNDATED,
        bbox=(lon, lat, lon, lat),
        files={"measurements": RemoteFile(href=href)},
        properties={
            "unit": sensor.parameter.units,
            "country": place.country.code,
            "until": last,  # more may be there later
        },
    )


def _outward(bbox: tuple[float, float, float, float]) -> tuple[float, ...]:
    west, south, east, north = (value * 1e4 for value in bbox)
    return tuple(
        v / 1e4 for v in (math.floor(west), math.floor(south), math.ceil(east), math.ceil(north))
    )


def _sensors(place: Location, acquire: Acquire, period: Period) -> list[Sensor]:
    """NO2 sensors of a location that counts: fixed, a monitor, in box and countries, at work."""
    west, south, east, north = acquire.bbox
    lon, lat = place.coordinates.longitude, place.coordinates.latitude
    first, last = place.datetimeFirst, place.datetimeLast
    counts = (
        place.isMonitor and not place.isMobile
        and place.country.code in acquire.stations.countries
        and west <= lon <= east and south <= lat <= north
        and (first is None or first.day <= period.end)
        and (last is None or last.day >= period.start)
    )  # fmt: skip
    found = [sensor for sensor in place.sensors if sensor.parameter.name == "no2"]
    known = [sensor for sensor in found if sensor.parameter.units in FACTORS]
    if counts and len(known) < len(found):
        log.warning("OpenAQ location %s: a NO2 sensor in an unknown unit is left out", place.id)
    return known if counts else []


def fetch_sensor(client: Client, product: RemoteProduct, period: Period, path: Path) -> None:
    """Hours of a sensor whose day is in the period, as a Parquet file in the EEA's layout.

    A year is asked for at a time, so that no search grows beyond nine pages.

    Raises:
        ServiceError: the service answers something else, or repeats a page.
    """
    hours: list[Hour] = []
    for first, after in _years(period):
        asked = {"datetime_from": f"{first}T00:00:00Z", "datetime_to": f"{after}T00:00:00Z"}
        found = _pages(client, product.files["measurements"].href, asked)
        hours += [read_entry(Hour, entry, f"an hour of {product.id}") for entry in found]
    table = pd.DataFrame(
        {
            "start": _in_utc([hour.period.datetimeFrom for hour in hours]),
            "end": _in_utc([hour.period.datetimeTo for hour in hours]),
            "value": pd.Series([hour.value for hour in hours], dtype=float),
            "flagged": pd.Series([hour.flagInfo.hasFlags for hour in hours], dtype=bool),
        }
    )
    # The service was seen to pass over filters that it does not like.
    inside = (table["start"] >= pd.Timestamp(period.start)) & (
        table["end"] <= pd.Timestamp(period.end) + timedelta(days=1)
    )
    table = table[inside].drop_duplicates("start").sort_values("start", ignore_index=True)
    with replacing(path) as temporary:
        parquet.write_table(_eea_layout(table, product), temporary)


def _in_utc(moments: list[Moment]) -> pd.Series:
    """Times in UTC, without a zone."""
    told = pd.Series([moment.utc for moment in moments], dtype=object)
    return pd.to_datetime(told, utc=True).dt.tz_localize(None)


def _eea_layout(table: pd.DataFrame, product: RemoteProduct) -> arrow.Table:
    count = len(table)
    micrograms = table["value"] * FACTORS[product.properties["unit"]]
    nines = table["value"].map("{:.6g}".format).str.fullmatch(r"0?\.?9+\.?9*").astype(bool)
    filled = ~micrograms.between(*BELIEVED) | (nines & (micrograms > NINES))
    filled &= table["value"].notna()
    if filled.any():
        log.warning("%s: %d fill values left out", product.id, int(filled.sum()))
    good = table["value"].notna() & ~filled & ~table["flagged"]
    micrograms = micrograms.where(good)
    stamp = arrow.timestamp("ns")
    return arrow.table(
        {
            "Samplingpoint": [f"{product.properties['country']}/{product.id}"] * count,
            "Pollutant": arrow.array(np.full(count, NO2_CODE), arrow.int32()),
            "Start": arrow.array(table["start"] + UTC_OFFSET, stamp),
            "End": arrow.array(table["end"] + UTC_OFFSET, stamp),
            "Value": arrow.array(micrograms.round(6), arrow.float64(), from_pandas=True).cast(
                arrow.decimal128(38, 18)
            ),
            "Unit": arrow.array([UNIT] * count, arrow.string()),
            "AggType": arrow.array(["hour"] * count, arrow.string()),
            "Validity": arrow.array(np.where(good, VALID, INVALID), arrow.int32()),
            "Verification": arrow.array(np.full(count, NOT_VERIFIED), arrow.int32()),
        }
    )


def _years(period: Period) -> Iterator[tuple[date, date]]:
    first, after = period.start, period.end + timedelta(days=1)
    while first < after:
        following = min(date(first.year + 1, 1, 1), after)
        yield first, following
        first = following


def _pages(client: Client, url: str, asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The results of all pages; hours have no ids but themselves."""

    def read(page: dict[str, Any], number: int) -> tuple[set[str], int | None, None]:
        ids = {json.dumps(result, sort_keys=True) for result in page["results"]}
        return ids, number + 1 if len(page["results"]) >= PAGE else None, None

    def ask(number: int) -> Any:
        return client.get_json(url, {**asked, "limit": PAGE, "page": number})

    for page in every_page("openaq", "OpenAQ", 1, ask, read):
        yield from page["results"]
