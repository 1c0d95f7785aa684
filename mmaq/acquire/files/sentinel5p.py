"""Sentinel-5P NO2 granules: official level-2 files and HARP's, by what they say of themselves.

A file's own name is only asked where the file does not tell: users rename granules, cut them and
download them twice.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from mmaq.acquire.passed_over import PassedOver
from mmaq.base.errors import ArchiveError, ProductError
from mmaq.base.files import files_below
from mmaq.base.geo import TURNS
from mmaq.contracts.archive import SENTINEL5P, Asset, Product
from mmaq.sentinel5p.granule import NAME, SUFFIXES, version_of
from mmaq.vocabulary import S5P_COLUMN, S5P_PRODUCT

STREAMS = ("NRTI", "OFFL", "PAL_", "RPRO")
"""Near real time, offline, reprocessed by the algorithm laboratory, reprocessed: the later, the
better."""

BESIDE = (".xml", ".json", ".cdl", ".md5", ".sha256", ".txt", ".csv", ".png", ".jpg", ".html")
"""Suffixes of what lies beside granules and bears their names."""

MAGIC = (b"CDF", b"\x89HDF")

HARP_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)

SAME = 0.5
"""Share of the smaller one's time and area by which two files of an orbit show the same."""

REMEDY = "Download the granule again, or take it out of the folder"

log = logging.getLogger(__name__)


def find_granules(folder: Path) -> list[Product]:
    """NO2 granules below ``folder``, one version of each overpass.

    What the folder holds besides is counted in a closing line: other gases and data as
    information, and what bears a granule's name without being one as a warning.

    Raises:
        ArchiveError: the folder holds no NO2 granule.
        ProductError: a granule cannot be opened or holds no NO2.
    """
    granules: list[Product] = []
    passed_over = PassedOver(folder)
    for path in files_below(folder):
        if not _may_be_netcdf(path):
            if _named_no2(path.name) and path.suffix.lower() not in BESIDE:
                reason = "files with the name of an NO2 granule that are no NetCDF files"
                passed_over.near(path.relative_to(folder), reason)
            continue
        granule = granule_product(path)
        if granule is not None:
            granules.append(granule)
        elif _named_no2(path.name):
            reason = "NetCDF files with the name of an NO2 granule and the content of none"
            passed_over.near(path.relative_to(folder), reason)
        else:
            passed_over.other(path.relative_to(folder), "other NetCDF files")
    if not granules:
        told = f" ({passed_over})" if len(passed_over) else ""
        fault = f"holds no Sentinel-5P NO2 granule{told}"
        raise ArchiveError(folder, fault, f"Give a folder of S5P_*_{S5P_PRODUCT}_*.nc files")
    kept = one_version_an_orbit(granules)
    taken = {id(item) for item in kept}
    for granule in granules:
        if id(granule) not in taken:
            passed_over.other(granule.id, "granules of which a better version is taken")
    passed_over.tell(log)
    versions = sorted({str(item.properties.get("processor_version")) for item in kept})
    if len(versions) > 1:
        log.warning("%s: processor versions are mixed: %s", folder, ", ".join(versions))
    log.info("%s: %d granules", folder, len(kept))
    return _distinct(kept)


def granule_product(path: Path) -> Product | None:
    """What a NetCDF file is by its contents and name; ``None`` when it is no NO2 granule.

    Not safe between threads, because the NetCDF library is not.

    Raises:
        ProductError: it cannot be opened, or an official granule holds no NO2.
    """
    try:
        with netCDF4.Dataset(path) as data:
            if "PRODUCT" in data.groups:
                return _official(path, data)
            if str(getattr(data, "Conventions", "")).startswith("HARP"):
                return _from_harp(path, data)
            if _named_no2(path.name) and NAME.fullmatch(path.stem):
                raise ProductError(path, "the group PRODUCT is missing or empty", REMEDY)
    except (OSError, RuntimeError) as fault:
        named = NAME.search(path.name)
        if named is not None and not _is_no2(named):
            return None
        raise ProductError(path, f"not a readable NetCDF file ({fault})", REMEDY) from None
    except KeyError as fault:
        raise ProductError(path, f"lacks {fault.args[0]}", REMEDY) from None
    return None


def _may_be_netcdf(path: Path) -> bool:
    """By its suffix; or by its first bytes, where it has a granule's name under another suffix."""
    if path.suffix.lower() in SUFFIXES:
        return True
    if not _named_no2(path.name):
        return False
    with open(path, "rb") as stream:
        return stream.read(8).startswith(MAGIC)


def _named_no2(name: str) -> bool:
    named = NAME.search(name)
    return named is not None and _is_no2(named)


def _is_no2(named: re.Match[str]) -> bool:
    return named["kind"] == S5P_PRODUCT


def _official(path: Path, data: netCDF4.Dataset) -> Product | None:
    named = NAME.search(str(getattr(data, "id", ""))) or NAME.search(path.name)
    if named is not None and not _is_no2(named):
        return None
    held = data["PRODUCT"].variables
    if not held:
        raise ProductError(path, "the group PRODUCT is missing or empty", REMEDY)
    if S5P_COLUMN not in held:
        if named is None:
            return None
        raise ProductError(path, f"the group PRODUCT holds no {S5P_COLUMN}", REMEDY)
    box = _box(held) or _box_of_attributes(data)
    if box is None:
        fault = "neither its pixels nor its attributes tell where it lies"
        raise ProductError(path, fault, REMEDY)
    start, properties = of_name(named) if named is not None else _of_attributes(path, data)
    name = named.group() if named is not None else path.stem
    return Product(name, SENTINEL5P, start, box, {"product": Asset(path)}, properties)


def of_name(named: re.Match[str]) -> tuple[datetime, dict[str, Any]]:
    """Start (UTC) and properties that an official name, matched by NAME, tells."""
    properties = _version(named) | {"end_datetime": _time(named["stop"]).isoformat()}
    return _time(named["start"]), properties


def _of_attributes(path: Path, data: netCDF4.Dataset) -> tuple[datetime, dict[str, Any]]:
    """The same of a granule whose name is lost.

    Source: Level 2 Product User Manual, S5P-KNMI-L2-0021-MA, table of the global attributes.
    """
    try:
        start = utc(str(data.time_coverage_start))
        properties: dict[str, Any] = {"end_datetime": utc(str(data.time_coverage_end)).isoformat()}
    except (AttributeError, ValueError):
        fault = "neither its name nor its attributes tell of which overpass it is"
        raise ProductError(path, fault, "Give it its official name (S5P_OFFL_L2__...)") from None
    if hasattr(data, "orbit"):
        properties["sat:absolute_orbit"] = int(np.ravel(data.orbit)[0])
    if hasattr(data, "processor_version"):
        properties["processor_version"] = str(data.processor_version)
    return start, properties


def _from_harp(path: Path, data: netCDF4.Dataset) -> Product | None:
    """A swath that HARP has ingested; its ``source_product`` is the official name, if whole."""
    if not any("NO2" in name for name in data.variables):
        return None
    # HARP swaths that were merged from several gases name only one of them as their source.
    named = NAME.match(str(getattr(data, "source_product", "")))
    try:
        start = HARP_EPOCH + timedelta(days=float(data.datetime_start))
        stop = HARP_EPOCH + timedelta(days=float(data.datetime_stop))
    except (AttributeError, ValueError) as fault:
        raise ProductError(path, f"not a HARP swath ({fault})", REMEDY) from None
    box = _box(data.variables)
    if box is None:
        raise ProductError(path, "not a HARP swath (no latitude and longitude)", REMEDY)
    properties = (_version(named) if named else {}) | {"end_datetime": stop.isoformat()}
    return Product(path.stem, SENTINEL5P, start, box, {"product": Asset(path)}, properties)


def _version(named: re.Match[str]) -> dict[str, Any]:
    return {
        "processor_version": version_of(named), "s5p:stream": named["stream"],
        "s5p:collection": named["collection"], "sat:absolute_orbit": int(named["orbit"]),
        "created": _time(named["made"]).isoformat(),
    }  # fmt: skip


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc)


def utc(text: str) -> datetime:
    """An ISO 8601 time as UTC; a time without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)


def _box_of_attributes(data: netCDF4.Dataset) -> tuple[float, float, float, float] | None:
    try:
        west, east = float(data.geospatial_lon_min), float(data.geospatial_lon_max)
        south, north = float(data.geospatial_lat_min), float(data.geospatial_lat_max)
    except (AttributeError, ValueError):
        return None
    # A whole orbit crosses the date line, where "min" lies east of "max".
    return (west, south, east, north) if west < east else (-180.0, south, 180.0, north)


def _box(held: Mapping[str, netCDF4.Variable]) -> tuple[float, float, float, float] | None:
    """Of the file's own pixels, west > east across the antimeridian; None where none can be read.

    What is cut out of an orbit may keep the attributes of the whole: they are asked after these.
    """
    found = []
    for name, largest in (("latitude", 90.0), ("longitude", 360.0)):
        try:
            values = np.ma.filled(held[name][:].astype(float), np.nan)
        except (KeyError, RuntimeError, ValueError):
            return None
        values = values[np.abs(values) <= largest]
        if not values.size:
            return None
        found.append(np.where(values > 180.0, values - 360.0, values))
    (south, north), (west, east) = ((float(each.min()), float(each.max())) for each in found)
    turned = found[1] % 360.0
    if np.ptp(turned) < 180.0 < east - west:
        west, east = float(turned.min()), float(turned.max()) - 360.0
    return west, south, east, north


def one_version_an_orbit(granules: Iterable[Product]) -> list[Product]:
    """The best version of each overpass, so that none counts twice.

    Reprocessed before offline before near real time, then the newest processor and production.
    Files of one orbit are not always versions of one thing: near real time comes in slices, and
    users cut swaths into areas. Such pieces are all kept, as far as they show different ground.
    """
    best: dict[Any, list[Product]] = {}
    for granule in sorted(granules, key=_rank, reverse=True):
        orbit = granule.properties.get("sat:absolute_orbit", granule.id)
        kept = best.setdefault(orbit, [])
        if not any(_same_overpass(granule, better) for better in kept):
            kept.append(granule)
    return sorted((item for kept in best.values() for item in kept), key=lambda item: item.id)


def _rank(granule: Product) -> tuple[int, tuple[int, ...], str, str]:
    stream = granule.properties.get("s5p:stream")
    digits = re.findall(r"\d+", str(granule.properties.get("processor_version", "0")))
    place = STREAMS.index(stream) if stream in STREAMS else -1
    created = str(granule.properties.get("created", ""))
    return place, tuple(map(int, digits)), created, granule.id


def _same_overpass(one: Product, other: Product) -> bool:
    if one.properties.get("s5p:stream") == other.properties.get("s5p:stream") == "NRTI":
        return one.time == other.time
    times = [(item.time, _end(item)) for item in (one, other)]
    if not _overlap(*((start.timestamp(), end.timestamp()) for start, end in times)):
        return False
    (west, south, east, north), (left, bottom, right, top) = one.bbox, other.bbox
    # A box across the antimeridian is written in several ways: east less than west, or beyond 180.
    east, right = (b + 360.0 if b < a else b for a, b in ((west, east), (left, right)))
    across = any(_overlap((west, east), (left + turn, right + turn)) for turn in TURNS)
    return across and _overlap((south, north), (bottom, top))


def _end(granule: Product) -> datetime:
    return datetime.fromisoformat(str(granule.properties["end_datetime"]))


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether two spans share most of the shorter one."""
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared >= SAME * min(one[1] - one[0], other[1] - other[0])


def _distinct(granules: list[Product]) -> list[Product]:
    """Give pieces of one granule ids of their own."""
    found: list[Product] = []
    seen: dict[str, int] = {}
    for granule in granules:
        number = seen[granule.id] = seen.get(granule.id, 0) + 1
        found.append(granule if number == 1 else replace(granule, id=f"{granule.id}_{number}"))
    return found
