"""The published tables of stations: fetched by name from their publishers, and checked.

Tables that lie in a repository are taken at one commit, with size and SHA-256. The EEA's table of
stations is edited by the EEA: it is taken as it is today, its header and newest entry are checked,
and a note beside it says which it was.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from mmaq.acquire.ground.sources import Source
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile, fetch_file
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.faults import DiskFull
from mmaq.base.errors import MmaqError, ServiceError, TableError
from mmaq.base.files import write_json
from mmaq.contracts.stations import BEGIN, STATION, read_station_table

MEASURED_UNTIL = date(2020, 12, 31)
"""Last day of the measurements in the sample tables: an older table of stations lacks some."""

ATTEMPTS = 4
"""Of a table of a megabyte: a machine without a network says so after some 15 s."""

log = logging.getLogger(__name__)


def fetch_table(source: Source, path: Path, endpoints: Mapping[str, str] = {}) -> None:
    """Fetch a published table to ``path``, check it, and note beside it which one it is.

    A file that is there already is the user's, and stays as it is. The note, ``NAME.source.json``,
    holds address, day, size and SHA-256, and of the EEA's table its rows and newest entry.

    Raises:
        ServiceError: it cannot be had, or is not what it should be; the message says what to put
            where by hand. Or the disk is full. Nothing is at ``path`` then.
    """
    if path.exists():
        log.info("%s: is there already and is not fetched", path)
        return
    address = source.address(endpoints)
    remote = RemoteFile(href=address, bytes=source.size, sha256=source.sha256)
    unchecked = path.with_name(f"{path.name}.unchecked")
    unchecked.unlink(missing_ok=True)
    try:
        with Client(service(source.service, endpoints), attempts=ATTEMPTS) as client:
            digest = fetch_file(client, remote, unchecked)
        about = {
            "address": address, "fetched": date.today().isoformat(),
            "bytes": unchecked.stat().st_size, "sha256": digest,
        }  # fmt: skip
        if source.kind == "eea_metadata":
            about |= _check_stations(unchecked)
    except DiskFull:
        raise
    except MmaqError as fault:
        unchecked.unlink(missing_ok=True)
        raise _by_hand(source, path, fault) from None
    write_json(path.with_name(f"{path.name}.source.json"), about)
    os.replace(unchecked, path)
    log.info("%s: %s", path, ", ".join(f"{name} {value}" for name, value in about.items()))


def _check_stations(path: Path) -> dict[str, Any]:
    """Rows and newest entry of the EEA's table.

    Raises:
        TableError: it is no table of stations, or it ends before the measurements do.
    """
    table = read_station_table(path)
    newest = max(table[BEGIN].dropna().str[:10], default="")
    if newest <= MEASURED_UNTIL.isoformat():
        began = newest or "at no date"
        fault = f"its newest sampling process began {began}, the samples end {MEASURED_UNTIL}"
        raise TableError(path, fault, "Get a newer one")
    return {"rows": len(table), "stations": int(table[STATION].nunique()), "newest": newest}


def _by_hand(source: Source, path: Path, fault: MmaqError) -> ServiceError:
    """What came of the download, in one line with what to put where instead."""
    known = f" ({source.size} bytes, SHA-256 {source.sha256})" if source.sha256 else ""
    remedy = f"Put {source.url}{known} there by hand, or set published.{source.kind} to your copy"
    said = fault.where == source.url or fault.where.startswith(str(path))
    where = "" if said else f"{fault.where}: "
    return ServiceError(path, f"was not fetched: {where}{fault.fault}", remedy)
