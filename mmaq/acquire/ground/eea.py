"""The EEA's air quality download service: hourly NO2 as Parquet files, one a sampling point.

Interface (read in JohnPaton/airbase and the service's users): POST /ParquetFile/urls answers CSV
with a column ParquetFileUrl; POST /DownloadSummary answers numberFiles and size (MB); both take
{countries, cities, pollutants, dataset, source}. Files hold all years of their data set.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas as pd

from mmaq.acquire.files.ancillary import UNDATED
from mmaq.acquire.manifest import LeftOut, RemoteProduct
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile, fetch_file
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.faults import Gone
from mmaq.base.errors import ServiceError, TableError
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.stations import NO2, NO2_CODE, read_station_table

COLUMNS = (
    "Countrycode", "AirQualityStation", "SamplingPoint", "AirPollutantCode",
    "ObservationDateBegin", "ObservationDateEnd", "Longitude", "Latitude", "Altitude",
    "AirQualityStationType", "AirQualityStationArea",
)  # fmt: skip
"""Columns of the archive's table, by the names of PanEuropean_metadata.csv."""

DATASETS = {"unverified": 1, "verified": 2, "airbase": 3}

CONTAINERS = {
    "unverified": "airquality-p", "verified": "airquality-p-e1a", "airbase": "airquality-p-airbase",
}  # fmt: skip
"""The folder of the service's store in which each data set lies."""

VIEWER = "/App/AQViewer/download"

VIEWER_QUERY = "fqn=Airquality_Dissem.b2g.measurements&f=csv"

FROZEN = "/map/fme/metadata/PanEuropean_metadata.csv"
"""The older table, which the EEA no longer changes: stations since 2024 are not in it."""

PATIENCE = 300.0
"""Seconds: the viewer makes the table when it is asked for, and says nothing meanwhile."""

REMEDY = "Search again later; if it stays so, the service has changed"

TABLE_REMEDY = "Search again later, or set acquire.endpoints.eea-table to another address"

log = logging.getLogger(__name__)


def find_table(acquire: Acquire, period: Period, folder: Path) -> pd.DataFrame:
    """NO2 sampling processes that were at work, from the EEA's station table of today.

    Raises:
        ServiceError: the table cannot be had, or holds no such process.
    """
    path = folder / "eea_table.zip"
    with Client(service("eea-table", acquire.endpoints), patience=PATIENCE) as client:
        at = client.service.url
        path.unlink(missing_ok=True)  # a table of another day
        try:
            fetch_file(client, RemoteFile(href=f"{at}{VIEWER}?{VIEWER_QUERY}"), path)
        except Gone:
            log.warning("%s: the table viewer is gone; the frozen table is used", at)
            fetch_file(client, RemoteFile(href=at + FROZEN), path)
    try:
        table = read_station_table(path)[list(COLUMNS)]
    except TableError as fault:
        raise ServiceError(path, f"not a station table ({fault.fault})", TABLE_REMEDY) from None
    except KeyError as lacking:
        raise ServiceError(path, f"the station table lacks {lacking}", TABLE_REMEDY) from None
    finally:
        path.unlink(missing_ok=True)
    chosen = active_no2(table, acquire.stations.countries, acquire.bbox, period)
    if chosen.empty:
        none = (
            f"no station of {', '.join(acquire.stations.countries)} in the box {acquire.bbox} "
            f"measured NO2 from {period.start} to {period.end}"
        )
        raise ServiceError("eea-table", none, "Change bbox, countries or period")
    return chosen


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


def find_files(
    acquire: Acquire, table: pd.DataFrame
) -> tuple[list[RemoteProduct], list[LeftOut], dict[str, Any]]:
    """Files of the table's sampling points in the one data set that is asked for.

    Returns:
        A product a sampling point; those without a file; and what the service says the whole
        countries hold (``files``, ``megabytes``), from which a plan may estimate.

    Raises:
        ServiceError: the service answers something else, a file of another data set, or none.
    """
    wanted = acquire.stations.dataset
    body = request(wanted, acquire.stations.countries)
    with Client(service("eea", acquire.endpoints)) as client:
        at = client.service.url
        summary = client.post_json(f"{at}/DownloadSummary", body)
        urls = _urls(client.post(f"{at}/ParquetFile/urls", body).content, wanted)
    places = table.drop_duplicates("SamplingPoint").set_index("SamplingPoint")
    products, missing = [], []
    for point, row in places.iterrows():
        name = str(point)
        if name not in urls:
            missing.append(LeftOut(id=name, reason=f"the {wanted} data set has no file of it"))
            continue
        lon, lat = float(row["Longitude"]), float(row["Latitude"])
        files = {"measurements": RemoteFile(href=urls[name])}
        products.append(
            RemoteProduct(id=name, time=UNDATED, bbox=(lon, lat, lon, lat), files=files)
        )
    if not products:
        fault = f"none of {len(places)} sampling points has a file in the {wanted} data set"
        raise ServiceError("eea", fault, "Choose the data set of the period, or other countries")
    try:
        held = {"files": int(summary["numberFiles"]), "megabytes": float(summary["size"])}
    except (KeyError, TypeError, ValueError):
        raise ServiceError("eea", "the summary does not tell files and size", REMEDY) from None
    return products, missing, held


def request(dataset: str, countries: tuple[str, ...]) -> dict[str, Any]:
    """Body of both requests: NO2 of the countries, one data set, never two."""
    body: dict[str, Any] = {
        "countries": list(countries), "cities": [], "pollutants": [NO2],
        "dataset": DATASETS[dataset], "source": "API",
    }  # fmt: skip
    if dataset == "unverified":
        body["aggregationType"] = "hour"
    return body


def _urls(answer: bytes, dataset: str) -> Mapping[str, str]:
    """Addresses by sampling point; the answer begins with a byte-order mark."""
    rows = csv.DictReader(io.StringIO(answer.decode("utf-8-sig", errors="replace")))
    if rows.fieldnames != ["ParquetFileUrl"]:
        raise ServiceError("eea", "the list of files is none", REMEDY)
    found: dict[str, str] = {}
    for row in rows:
        path = PurePosixPath(unquote(urlsplit(row["ParquetFileUrl"] or "").path))
        others = set(CONTAINERS.values()) - {CONTAINERS[dataset]}
        strange = sorted(others & set(path.parts))
        if path.suffix != ".parquet" or strange:
            fault = f"{path.name} is no file of the {dataset} data set ({CONTAINERS[dataset]})"
            raise ServiceError("eea", fault, REMEDY)
        found[path.stem] = row["ParquetFileUrl"]
    return found
