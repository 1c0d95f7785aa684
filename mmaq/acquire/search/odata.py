"""The Data Space's OData catalogue: every product with its size, checksums and addresses.

Source: Copernicus Data Space, "OData products API": at most 1000 products a page and 10 000 a
search; the next page's address comes with each page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from shapely import from_wkt
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search.items import footprint, read_or_leave, utc
from mmaq.acquire.search.paging import every_page
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.services.faults import Gone
from mmaq.base.errors import ServiceError

PAGE = 1000

MOST = 10_000
"""Products that one search gives at most; a longer span of time is halved."""

ARCHIVED = "it is archived, not online"

REMEDY = "Run the same command later"


@dataclass(frozen=True)
class Listed:
    """A product of the catalogue: ``name`` with its suffix, sizes in bytes, time UTC."""

    uuid: str
    name: str
    time: datetime
    bytes: int | None
    md5: str | None
    blake3: str | None
    path: str
    footprint: BaseGeometry
    attributes: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The name without .SAFE or .nc."""
        return self.name.removesuffix(".SAFE").removesuffix(".nc")

    def file(self, download: str, way: Literal["odata", "s3"]) -> RemoteFile:
        """How it is downloaded: by OData from the address ``download``, or a granule from S3.

        A granule lies in the object store as itself, or in a folder of its name.
        """
        href = f"{download}/Products({self.uuid})/$value"
        if way == "s3":
            key = f"s3://{self.path.lstrip('/')}"
            href = key if key.endswith(self.name) else f"{key}/{self.name}"
        return RemoteFile(href=href, bytes=self.bytes, md5=self.md5, blake3=self.blake3)


def list_products(
    client: Client,
    collection: str,
    product_type: str,
    bbox: tuple[float, float, float, float],
    start: datetime,
    end: datetime,
    max_cloud: float | None = None,
) -> Iterator[Listed | LeftOut]:
    """Products whose footprint meets ``bbox`` and that start in ``start`` to ``end`` (UTC).

    A span with more products than one search gives is halved, so that none is lost.

    Raises:
        ServiceError: the service cannot be reached, its pages repeat, or one minute holds more
            products than a search gives.
    """
    url = f"{client.service.url}/Products"
    asked = {
        "$filter": _filter(collection, product_type, bbox, start, end, max_cloud),
        "$orderby": "ContentDate/Start asc", "$top": PAGE, "$count": "True",
        "$expand": "Attributes",
    }  # fmt: skip
    try:
        first = client.get_json(url, asked)
    except Gone as gone:
        told = f"has no OData there ({gone.fault})"
        raise ServiceError(client.service.where, told, REMEDY) from None
    if isinstance(first, dict) and (_count(first) or 0) > MOST:
        middle = start + (end - start) / 2
        if end - start < timedelta(minutes=1):
            fault = f"lists more than {MOST} products from one minute, {start.isoformat()}"
            raise ServiceError(client.service.where, fault, REMEDY)
        for span in ((start, middle), (middle, end)):
            yield from list_products(client, collection, product_type, bbox, *span, max_cloud)
        return

    def ask(at: str) -> Any:
        return first if at == url else client.get_json(at)

    for page in every_page(client.service.where, "OData", url, ask, _read):
        yield from (read_or_leave(read_listed, entry, "Name") for entry in page["value"])


def _read(page: dict[str, Any], _: str) -> tuple[set[str], str | None, int | None]:
    ids = {entry["Id"] for entry in page["value"]}
    return ids, page.get("@odata.nextLink"), _count(page)


def _count(page: Mapping[str, Any]) -> int | None:
    """How many products there are on all pages, as far as the service tells."""
    number = page.get("@odata.count")
    return number if isinstance(number, int) else None


def read_listed(entry: Mapping[str, Any]) -> Listed | LeftOut:
    """One entry of a page, or why it is left out."""
    name = str(entry["Name"])
    place = _place(entry)
    if place is None:
        return LeftOut(id=name, reason="the catalogue gives it no footprint")
    if entry.get("Online") is False:
        return LeftOut(id=name, reason=ARCHIVED)
    sums = {
        str(entry["Algorithm"]).lower(): str(entry["Value"]).lower()
        for entry in entry.get("Checksum") or []
        if entry.get("Algorithm") and entry.get("Value")
    }
    attributes = {entry["Name"]: entry["Value"] for entry in entry.get("Attributes") or []}
    return Listed(
        str(entry["Id"]), name, utc(str(entry["ContentDate"]["Start"])),
        entry.get("ContentLength") or None, sums.get("md5"), sums.get("blake3"),
        str(entry.get("S3Path", "")), place, attributes,
    )  # fmt: skip


def _filter(
    collection: str,
    product_type: str,
    bbox: tuple[float, float, float, float],
    start: datetime,
    end: datetime,
    max_cloud: float | None,
) -> str:
    west, south, east, north = bbox
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    ring = ",".join(f"{x:.6f} {y:.6f}" for x, y in corners)
    parts = [
        f"Collection/Name eq '{collection}'",
        f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({ring}))')",
        f"ContentDate/Start ge {_stamp(start)}",
        f"ContentDate/Start lt {_stamp(end)}",
        "Attributes/OData.CSC.StringAttribute/any(att:att/Name eq 'productType' and "
        f"att/OData.CSC.StringAttribute/Value eq '{product_type}')",
    ]
    if max_cloud is not None:
        parts.append(
            "Attributes/OData.CSC.DoubleAttribute/any(att:att/Name eq 'cloudCover' and "
            f"att/OData.CSC.DoubleAttribute/Value le {max_cloud:.2f})"
        )
    return " and ".join(parts)


def _stamp(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _place(entry: Mapping[str, Any]) -> BaseGeometry | None:
    """GeoFootprint (GeoJSON), else Footprint ("geography'SRID=4326;POLYGON ...'")."""
    found = footprint({"geometry": entry.get("GeoFootprint")})
    text = str(entry.get("Footprint") or "")
    if found is not None or ";" not in text:
        return found
    try:
        return from_wkt(text.split(";", 1)[1].rstrip("'"))
    except ShapelyError:
        return None
