"""Which stations measure in an area: the search, its frozen table, and the file of each point.

The table is in the layout of PanEuropean_metadata.csv (tab-separated, a row a sampling process), of
which the columns that MMAQ reads are kept.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from mmaq.acquire.ground import eea, openaq
from mmaq.acquire.manifest import LeftOut, Manifest, RemoteProduct
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import fetch_file
from mmaq.acquire.services.faults import AGAIN, Unreadable, plain
from mmaq.base.errors import ArchiveError
from mmaq.base.files import replacing, sha256
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.contracts.archive import STATIONS
from mmaq.contracts.stations import one_row_a_station, read_metadata

TABLE = "stations.tsv"
"""The frozen station table, beside the manifest."""

ABOUT_STATIONS = "Stations that measure NO2, and sites that do not"

log = logging.getLogger(__name__)


def find_measurements(acquire: Acquire, period: Period, folder: Path) -> Manifest:
    """Search the stations' service; the station table is frozen as ``stations.tsv`` in ``folder``.

    The manifest has a product a sampling point. ``asked["table_sha256"]`` is the table's sum, and
    ``asked["held"]`` is what the service says of sizes.

    Raises:
        ServiceError: the service cannot be had, answers something else, or has no such station.
    """
    left_out: list[LeftOut] = []
    if acquire.stations.provider == "eea":
        table = eea.find_table(acquire, period, folder)
        products, left_out, held = eea.find_files(acquire, table)
        table = table[table["SamplingPoint"].isin([product.id for product in products])]
    else:
        table, products, held = openaq.find_sensors(acquire, period)
    order = ["AirQualityStation", "SamplingPoint", "ObservationDateBegin"]
    ordered = table[list(eea.COLUMNS)].drop_duplicates().sort_values(order, kind="stable")
    with replacing(folder / TABLE) as temporary:  # equal rows give equal bytes
        ordered.to_csv(temporary, sep="\t", index=False, lineterminator="\n")
    asked = {
        "countries": list(acquire.stations.countries), "bbox": list(acquire.bbox),
        "start": period.start.isoformat(), "end": period.end.isoformat(),
        "table_sha256": sha256(folder / TABLE), "held": held,
    }  # fmt: skip
    if acquire.stations.provider == "eea":
        asked["dataset"] = acquire.stations.dataset
    for missing in left_out:
        log.warning("%s is left out: %s", missing.id, missing.reason)
    return Manifest(
        collection=STATIONS, service=acquire.stations.provider, asked=asked,
        products=tuple(products), left_out=tuple(left_out),
    )  # fmt: skip


def read_places(folder: Path) -> pd.DataFrame:
    """The stations of the frozen table: site_id, lon, lat (degrees), country; by site_id.

    Raises:
        TableError: the table is missing or holds an impossible cell.
    """
    stations = one_row_a_station(read_metadata(folder / TABLE))
    return stations[["site_id", "lon", "lat", "country"]]


def copy_table(manifest: Manifest, frozen: Path, path: Path) -> Path:
    """Copy the frozen station table to ``path``; ArchiveError unless it is the manifest's."""
    remedy = "Search again with `mmaq acquire plan`"
    if not frozen.exists() or sha256(frozen) != manifest.asked["table_sha256"]:
        raise ArchiveError(frozen, "not the station table that the manifest was made with", remedy)
    with replacing(path) as temporary:
        shutil.copyfile(frozen, temporary)
    return path


def fetch_measurements(
    client: Client, listed: Manifest, product: RemoteProduct, period: Period, folder: Path
) -> Path:
    """Have the file of a sampling point in ``folder``, as the manifest's search found it.

    No service tells a sum of such a file, so a stamp beside it tells of which search it is: one of
    another period, or of an older state of the data set, is fetched anew. The stamp comes before
    the file, so that a stopped run fetches no whole file again. Returns the file's path.

    Raises:
        ServiceError: the service cannot be had, answers something else, or gives no Parquet file.
    """
    path = folder / f"{product.id}.parquet"
    stamp = path.with_name(f"{product.id}.made_from.sha256")
    made_from = json.dumps([product.model_dump(mode="json"), listed.asked], sort_keys=True)
    digest = hashlib.sha256(made_from.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != digest:
        path.unlink(missing_ok=True)
        with replacing(stamp) as temporary:
            temporary.write_text(digest, encoding="utf-8")
    if listed.service == "eea":
        fetch_file(client, product.files["measurements"], path)
    elif not path.exists():
        openaq.fetch_sensor(client, product, period, path)
    try:
        parquet.read_schema(path)
    except (OSError, arrow.ArrowException):
        path.unlink()
        where = plain(product.files["measurements"].href)
        raise Unreadable(where, "what came is no Parquet file", AGAIN) from None
    return path


def write_unlabelled(sites: Path, path: Path) -> Path | None:
    """Rows of the places that no station measures, or None where there is none."""
    places = pd.read_csv(sites, dtype={"site_id": str, "country": str}, keep_default_na=False)
    measured = places["measured"].astype(str).str.lower().isin(["true", "1"])
    if measured.all():
        return None
    with replacing(path) as temporary:
        places.loc[~measured, ["site_id", "lon", "lat", "country"]].to_csv(
            temporary, index=False, lineterminator="\n"
        )
    return path
