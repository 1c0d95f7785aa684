"""Sentinel-5P NO2 granules: official level-2 files by their names, HARP's by their attributes.

Names: Sentinel-5P Level 2 Input/Output Data Definition, "file naming convention".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from mmaq.base.errors import ArchiveError, ProductError
from mmaq.contracts.archive import SENTINEL5P, Asset, Product
from mmaq.vocabulary import S5P_COLUMN, S5P_PRODUCT

NAME = re.compile(
    r"S5P_(?P<stream>[A-Z]{4})_L2__(?P<gas>[A-Z0-9_]{6})_(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})"
    r"_(?P<orbit>\d{5})_(?P<collection>\d{2})_(?P<processor>\d{6})_(?P<made>\d{8}T\d{6})"
)

STREAMS = ("NRTI", "OFFL", "RPRO")
"""Near real time, offline, reprocessed: the later, the better."""

HARP_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)


REMEDY = "Download the granule again, or take it out of the folder"

log = logging.getLogger(__name__)


def find_granules(folder: Path) -> list[Product]:
    """NO2 granules below ``folder``, one version of each orbit; other gases are passed over.

    Raises:
        ArchiveError: the folder holds no NO2 granule.
        ProductError: a granule cannot be opened or holds no NO2.
    """
    granules, other = [], 0
    for path in sorted(folder.rglob("*.nc")):
        granule = granule_product(path)
        if granule is None:
            log.info("%s: not a Sentinel-5P NO2 granule: passed over", path)
            other += 1
        else:
            granules.append(granule)
    if not granules:
        fault = f"holds no Sentinel-5P NO2 granule ({other} other NetCDF files)"
        raise ArchiveError(folder, fault, f"Give a folder of S5P_*_{S5P_PRODUCT}_*.nc files")
    kept = one_version_an_orbit(granules)
    versions = sorted({str(item.properties.get("processor_version")) for item in kept})
    if len(versions) > 1:
        log.warning("%s: processor versions are mixed: %s", folder, ", ".join(versions))
    log.info("%s: %d granules, %d others passed over", folder, len(kept), other)
    return kept


def granule_product(path: Path) -> Product | None:
    """What a NetCDF file is by its name and contents; ``None`` when it is no NO2 granule.

    Not safe between threads, because the NetCDF library is not.

    Raises:
        ProductError: it cannot be opened, or an official granule holds no NO2.
    """
    named = NAME.fullmatch(path.stem)
    if named is not None and named["gas"].strip("_") != "NO2":
        return None
    try:
        with netCDF4.Dataset(path) as data:
            if named is not None:
                return _official(path, named, data)
            if str(getattr(data, "Conventions", "")).startswith("HARP"):
                return _from_harp(path, data)
    except (OSError, RuntimeError) as fault:
        raise ProductError(path, f"not a readable NetCDF file ({fault})", REMEDY) from None
    except KeyError as fault:
        raise ProductError(path, f"lacks {fault.args[0]}", REMEDY) from None
    return None


def _official(path: Path, named: re.Match[str], data: netCDF4.Dataset) -> Product:
    held = data["PRODUCT"].variables if "PRODUCT" in data.groups else {}
    if not held:
        raise ProductError(path, "the group PRODUCT is missing or empty", REMEDY)
    if S5P_COLUMN not in held:
        raise ProductError(path, f"the group PRODUCT holds no {S5P_COLUMN}", REMEDY)
    box = _box_of_attributes(data) or _box(held["latitude"], held["longitude"])
    start, properties = of_name(named)
    return Product(path.stem, SENTINEL5P, start, box, {"product": Asset(path)}, properties)


def of_name(named: re.Match[str]) -> tuple[datetime, dict[str, Any]]:
    """Start (UTC) and properties that an official name, matched by NAME, tells."""
    properties = _version(named) | {"end_datetime": _time(named["stop"]).isoformat()}
    return _time(named["start"]), properties


def _from_harp(path: Path, data: netCDF4.Dataset) -> Product | None:
    """A swath that HARP has ingested; its ``source_product`` is the official name, if whole."""
    if not any("NO2" in name for name in data.variables):
        return None
    # HARP swaths that were merged from several gases name only one of them as their source.
    named = NAME.match(str(getattr(data, "source_product", "")))
    try:
        start = HARP_EPOCH + timedelta(days=float(data.datetime_start))
        stop = HARP_EPOCH + timedelta(days=float(data.datetime_stop))
        box = _box(data["latitude"], data["longitude"])
    except (AttributeError, IndexError, ValueError) as fault:
        raise ProductError(path, f"not a HARP swath ({fault})", REMEDY) from None
    properties = (_version(named) if named else {}) | {"end_datetime": stop.isoformat()}
    return Product(path.stem, SENTINEL5P, start, box, {"product": Asset(path)}, properties)


def _version(named: re.Match[str]) -> dict[str, Any]:
    digits = named["processor"]
    version = ".".join(str(int(digits[place : place + 2])) for place in (0, 2, 4))
    return {
        "processor_version": version, "s5p:stream": named["stream"],
        "s5p:collection": named["collection"], "sat:absolute_orbit": int(named["orbit"]),
        "created": _time(named["made"]).isoformat(),
    }  # fmt: skip


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)


def _box_of_attributes(data: netCDF4.Dataset) -> tuple[float, float, float, float] | None:
    try:
        west, east = float(data.geospatial_lon_min), float(data.geospatial_lon_max)
        south, north = float(data.geospatial_lat_min), float(data.geospatial_lat_max)
    except (AttributeError, ValueError):
        return None
    # A whole orbit crosses the date line, where "min" lies east of "max".
    return (west, south, east, north) if west < east else (-180.0, south, 180.0, north)


def _box(lat: netCDF4.Variable, lon: netCDF4.Variable) -> tuple[float, float, float, float]:
    south, north = float(np.min(lat[:])), float(np.max(lat[:]))
    return float(np.min(lon[:])), south, float(np.max(lon[:])), north


def one_version_an_orbit(granules: Iterable[Product]) -> list[Product]:
    """The best version of each orbit, so that no overpass counts twice.

    Reprocessed before offline before near real time, then the newest processor and production.
    A near-real-time orbit comes in slices, which are distinguished by their start.
    """
    best: dict[Any, list[Product]] = {}
    for granule in sorted(granules, key=_rank):
        orbit = granule.properties.get("sat:absolute_orbit", granule.id)
        slices = best.setdefault(orbit, [])
        near_real_time = granule.properties.get("s5p:stream") == "NRTI"
        same = [item for item in slices if not near_real_time or item.time == granule.time]
        best[orbit] = [item for item in slices if item not in same] + [granule]
    return sorted((item for slices in best.values() for item in slices), key=lambda item: item.id)


def _rank(granule: Product) -> tuple[int, tuple[int, ...], str, str]:
    stream = granule.properties.get("s5p:stream")
    version = str(granule.properties.get("processor_version", "0")).split(".")
    place = STREAMS.index(stream) if stream in STREAMS else -1
    created = str(granule.properties.get("created", ""))
    return place, tuple(map(int, version)), created, granule.id
