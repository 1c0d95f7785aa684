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

REMEDY = "Search again later; if it stays so, the service has changed"

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
        for place in _pages(client, f"{at}/locations", {"bbox": box}):
            for sensor in _sensors(place, acquire, period):
                identity, station = f"SPO.OPENAQ.{sensor['id']}", f"OPENAQ.{place['id']}"
                lon, lat = (place["coordinates"][name] for name in ("longitude", "latitude"))
                last = (place["datetimeLast"] or {}).get("utc", "")[:10]
                row = dict.fromkeys(COLUMNS, "") | {
                    "Countrycode": place["country"]["code"], "AirQualityStation": station,
                    "SamplingPoint": identity, "AirPollutantCode": NO2,
                    "Longitude": str(lon), "Latitude": str(lat),
                    "ObservationDateBegin": (place["datetimeFirst"] or {}).get("utc", "")[:19],
                }  # fmt: skip
                rows.append(row)
                href = f"{at}/sensors/{sensor['id']}/hours"
                products.append(
                    RemoteProduct(
                        id=identity,
                        time=UNDATED,
                        bbox=(lon, lat, lon, lat),
                        files={"measurements": RemoteFile(href=href)},
                        properties={
                            "unit": sensor["parameter"]["units"],
                            "country": place["country"]["code"],
                            "until": min(last, period.end.isoformat()),  # more may be there later
                        },
                    )
                )
    if not products:
        fault = f"no reference monitor in the box {acquire.bbox} measures NO2"
        raise ServiceError("openaq", fault, "Change bbox or countries")
    years = period.end.year - period.start.year + 1
    return pd.DataFrame(rows, columns=list(COLUMNS)), products, {"requests": 9 * years * len(rows)}


def _outward(bbox: tuple[float, float, float, float]) -> tuple[float, ...]:
    west, south, east, north = (value * 1e4 for value in bbox)
    return tuple(
        v / 1e4 for v in (math.floor(west), math.floor(south), math.ceil(east), math.ceil(north))
    )


def _sensors(place: dict[str, Any], acquire: Acquire, period: Period) -> list[dict[str, Any]]:
    """NO2 sensors of a location that counts: fixed, a monitor, in box and countries, at work."""
    try:
        lon, lat = (place["coordinates"][name] for name in ("longitude", "latitude"))
        first, last = (
            (place[name] or {}).get("utc", unknown)[:10]
            for name, unknown in (("datetimeFirst", ""), ("datetimeLast", "9999"))
        )
        west, south, east, north = acquire.bbox
        counts = (
            place["isMonitor"] and not place["isMobile"]
            and place["country"]["code"] in acquire.stations.countries
            and west <= lon <= east and south <= lat <= north
            and first <= period.end.isoformat() and last >= period.start.isoformat()
        )  # fmt: skip
        found = [sensor for sensor in place["sensors"] if sensor["parameter"]["name"] == "no2"]
        known = [sensor for sensor in found if sensor["parameter"]["units"] in FACTORS]
    except (AttributeError, KeyError, TypeError) as fault:
        raise ServiceError("openaq", f"a location lacks {fault}", REMEDY) from None
    if counts and len(known) < len(found):
        log.warning("OpenAQ location %s: a NO2 sensor in an unknown unit is left out", place["id"])
    return known if counts else []


def fetch_sensor(client: Client, product: RemoteProduct, period: Period, path: Path) -> None:
    """Hours of a sensor whose day is in the period, as a Parquet file in the EEA's layout.

    A year is asked for at a time, so that no search grows beyond nine pages.

    Raises:
        ServiceError: the service answers something else, or repeats a page.
    """
    rows: list[dict[str, Any]] = []
    for first, after in _years(period):
        asked = {"datetime_from": f"{first}T00:00:00Z", "datetime_to": f"{after}T00:00:00Z"}
        rows += _pages(client, product.files["measurements"].href, asked)
    try:
        start = [row["period"]["datetimeFrom"]["utc"] for row in rows]
        end = [row["period"]["datetimeTo"]["utc"] for row in rows]
        value = [row["value"] for row in rows]
        flagged = [row["flagInfo"]["hasFlags"] for row in rows]
    except (KeyError, TypeError) as fault:
        raise ServiceError("openaq", f"an hour of {product.id} lacks {fault}", REMEDY) from None
    table = pd.DataFrame(
        {
            "start": pd.to_datetime(pd.Series(start, dtype=str), utc=True).dt.tz_localize(None),
            "end": pd.to_datetime(pd.Series(end, dtype=str), utc=True).dt.tz_localize(None),
            "value": pd.Series(value, dtype=float),
            "flagged": pd.Series(flagged, dtype=bool),
        }
    )
    # The service was seen to pass over filters that it does not like.
    inside = (table["start"] >= pd.Timestamp(period.start)) & (
        table["end"] <= pd.Timestamp(period.end) + timedelta(days=1)
    )
    table = table[inside].drop_duplicates("start").sort_values("start", ignore_index=True)
    with replacing(path) as temporary:
        parquet.write_table(_eea_layout(table, product), temporary)


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
