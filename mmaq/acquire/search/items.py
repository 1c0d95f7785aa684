"""What a STAC item says, read from plain JSON: services differ in versions and leave things out.

Read by hand and not by pystac, which refuses a whole page for one item without a geometry.
Sources: STAC specification 1.0.0 and 1.1.0; file extension 2.1.0 (checksums are multihashes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta, timezone
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from shapely import force_2d, unary_union
from shapely.affinity import translate
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import transform
from shapely.validation import make_valid

from mmaq.acquire.files.sentinel5p import utc
from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.services.download import RemoteFile
from mmaq.base.geo import TURNS
from mmaq.config.data import Period

Found = TypeVar("Found")

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees."""

HALF_TURN = 180.0

SEAM = 1e-6
"""Degrees (0.1 m) by which the halves of a cut footprint may lie apart."""

NOWHERE = "the item has neither a geometry nor a bbox"

MULTIHASHES = {"d50110": "md5", "1e20": "blake3", "1220": "sha256"}
"""Code and length before the digest (multicodec table): MD5 0xd5, BLAKE3 0x1e, SHA-256 0x12."""


def read_or_leave(
    read: Callable[[Mapping[str, Any]], Found], entry: Mapping[str, Any] | LeftOut, key: str
) -> Found | LeftOut:
    """What ``read`` makes of a catalogue's entry; of a broken one, why it is left out.

    ``key`` is the entry's field that names it. An entry that is left out already stays so.
    """
    if isinstance(entry, LeftOut):
        return entry
    try:
        return read(entry)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as fault:
        name = str(entry.get(key, "an entry without a name"))
        return LeftOut(id=name, reason=f"its entry cannot be read ({fault!r})")


def remote_file(asset: Mapping[str, Any]) -> RemoteFile:
    """An asset's address, without a query that may sign it, its size and its checksum."""
    size = asset.get("file:size")
    known = size if isinstance(size, int) and size > 0 else None
    sums = _checksum(asset)
    return RemoteFile(
        href=unsigned(str(asset["href"])), bytes=known, md5=sums.get("md5"),
        blake3=sums.get("blake3"), sha256=sums.get("sha256"),
    )  # fmt: skip


def unsigned(href: str) -> str:
    """An address without query and fragment: what signs a URL is no part of a manifest."""
    scheme, host, path, _, _ = urlsplit(href)
    return urlunsplit((scheme, host, path, "", ""))


def footprint(item: Mapping[str, Any]) -> BaseGeometry | None:
    """Where the product lies, in degrees: its geometry, else its bbox, else None.

    A geometry that is broken (an orbit's ring that crosses itself at the date line) is mended.
    """
    geometry = item.get("geometry")
    if geometry:
        try:
            found = force_2d(shape(geometry))
        except (ShapelyError, AttributeError, KeyError, TypeError, ValueError):
            found = None
        if found is not None and not found.is_empty:
            return found if found.is_valid else _mended(found)
    bounds = _stated_box(item)
    if bounds is None:
        return None
    west, south, east, north = bounds
    return box(west, south, east + 360 if east < west else east, north)


def in_one_piece(place: BaseGeometry) -> BaseGeometry:
    """A scene's footprint without the cut at the antimeridian, with longitudes from -180 to 540.

    No tile is half a turn wide, so one that seems so is at both ends of the map.
    """
    west, _, east, _ = place.bounds
    if east - west > HALF_TURN:
        place = transform(lambda x, y: (np.where(x < 0, x + 360, x), y), place)
        place = unary_union(make_valid(place).buffer(SEAM)).buffer(-SEAM)
    return translate(place, 360) if place.bounds[0] < -180 else place


def meets(place: BaseGeometry, area: BaseGeometry) -> bool:
    """Whether a footprint meets an area, both in degrees, whatever turn of the Earth each is in.

    A ring that steps by more than half a turn counts as it is drawn and as one across the
    antimeridian: unlike a tile, a whole orbit may be as wide as that.
    """
    return any(
        reading.intersects(translate(area, turn))
        for reading in (place, make_valid(_unrolled(place)))
        for turn in TURNS
    )


def _mended(place: BaseGeometry) -> BaseGeometry:
    """A valid footprint: without its jumps at the antimeridian, if these are what is wrong."""
    unrolled = _unrolled(place)
    west, _, east, _ = unrolled.bounds
    # Around a pole a ring ends a turn away from where it begins, and cannot be unrolled.
    return unrolled if unrolled.is_valid and east - west < 360 else make_valid(place)


def _unrolled(place: BaseGeometry) -> BaseGeometry:
    """The same, each ring gone on beyond 180 degrees where it steps by more than half a turn."""
    return transform(lambda x, y: (np.unwrap(x, period=360.0), y), place)


def bounding_box(item: Mapping[str, Any], place: BaseGeometry) -> Box:
    """West, south, east, north in degrees: as stated, else those of the footprint."""
    west, south, east, north = _stated_box(item) or place.bounds
    return west, south, east, north


def sensing_time(item: Mapping[str, Any]) -> datetime | None:
    """UTC time of the product: its datetime, else where that is null its start."""
    properties = item.get("properties") or {}
    for key in ("datetime", "start_datetime"):
        if properties.get(key):
            return utc(str(properties[key]))
    return None


def span(period: Period) -> tuple[datetime, datetime]:
    """The first moment of the period and the first after it, UTC."""
    first = datetime.combine(period.start, time.min, timezone.utc)
    return first, datetime.combine(period.end, time.min, timezone.utc) + timedelta(days=1)


def _stated_box(item: Mapping[str, Any]) -> Box | None:
    values = item.get("bbox")
    if not isinstance(values, list) or len(values) not in (4, 6):
        return None
    half = len(values) // 2
    west, south, east, north = map(float, (*values[:2], *values[half : half + 2]))
    return west, south, east, north


def _checksum(asset: Mapping[str, Any]) -> dict[str, str]:
    stated = str(asset.get("file:checksum", "")).lower()
    for prefix, name in MULTIHASHES.items():
        digits = 32 if name == "md5" else 64
        if stated.startswith(prefix) and len(stated) == len(prefix) + digits:
            return {name: stated.removeprefix(prefix)}
    return {}
