"""Which stations measure in an area: the search, and the table frozen beside its manifest.

The table is in the layout of PanEuropean_metadata.csv (tab-separated, a row a sampling process), of
which the columns that MMAQ reads are kept.
"""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pandas as pd

from mmaq.acquire.ground import eea, openaq
from mmaq.acquire.manifest import LeftOut, Manifest
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
