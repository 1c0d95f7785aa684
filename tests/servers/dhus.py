"""A small DHuS hub on loopback: OpenSearch and OData as sentinelsat asks them, with an account.

The answers have the fields that the Copernicus hub's had (SciHub user guide, as sentinelsat's own
parsers read them). The grammar of a query is the part that MMAQ sends.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import shapely

from mmaq.acquire.services.download import digests
from tests.servers.faulty import Answer, Asked, FaultyServer, faulty

USER, PASSWORD = "a-user", "the hub's secret word"


@dataclass(frozen=True)
class HubEntry:
    """A product of the hub; ``online`` False: it is in the long-term archive."""

    uuid: str
    title: str
    platform: str
    product_type: str
    begin: str
    footprint: str  # WKT in degrees
    file: Path
    cloud: float | None = None
    online: bool = True


class Hub:
    """``repeats``: every page after the first is the first again."""

    def __init__(self, entries: Iterable[HubEntry]) -> None:
        self.entries = list(entries)
        self.repeats = False
        self.server: FaultyServer

    def answer(self, asked: Asked) -> Answer | None:
        account = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {account}":
            return Answer(401, b"<html>Unauthorized</html>", {"Content-Type": "text/html"})
        if asked.path == "/search":
            return self._search(asked)
        found = re.fullmatch(r"/odata/v1/Products\('([\w-]+)'\)(/\$value)?", asked.path)
        if not found:
            return None
        entry = next(entry for entry in self.entries if entry.uuid == found[1])
        return Answer(file=entry.file) if found[2] else Answer.json({"d": self._details(entry)})

    def _search(self, asked: Asked) -> Answer:
        question = asked.query["q"][0]
        chosen = [entry for entry in self.entries if _meets(entry, question)]
        start, rows = int(asked.query["start"][0]), int(asked.query["rows"][0])
        page = chosen[: rows if self.repeats else None] if self.repeats else chosen[start:][:rows]
        feed: dict[str, Any] = {"opensearch:totalResults": str(len(chosen))}
        found = [_opensearch(entry) for entry in page]
        if found:
            feed["entry"] = found[0] if len(found) == 1 else found
        return Answer.json({"feed": feed})

    def _details(self, entry: HubEntry) -> dict[str, Any]:
        sums = digests(entry.file)
        moment = f"/Date({int(_moment(entry.begin).timestamp()) * 1000})/"
        ring = shapely.from_wkt(entry.footprint).exterior.coords
        places = " ".join(f"{y},{x}" for x, y in ring)
        gml = (
            '<gml:Polygon xmlns:gml="http://www.opengis.net/gml"><gml:outerBoundaryIs>'
            f"<gml:LinearRing><gml:coordinates>{places}</gml:coordinates></gml:LinearRing>"
            "</gml:outerBoundaryIs></gml:Polygon>"
        )
        source = f"{self.server.url}/odata/v1/Products('{entry.uuid}')/$value"
        return {
            "Id": entry.uuid, "Name": entry.title, "ContentLength": str(sums.bytes),
            "Checksum": {"Algorithm": "MD5", "Value": sums.md5.upper()},
            "ContentDate": {"Start": moment, "End": moment}, "ContentGeometry": gml,
            "__metadata": {"media_src": source},
            "Online": entry.online, "CreationDate": moment, "IngestionDate": moment,
            "Attributes": {},
        }  # fmt: skip


@contextmanager
def hub(entries: Iterable[HubEntry], folder: Path) -> Iterator[Hub]:
    """Serve the entries."""
    served = Hub(entries)
    with faulty(folder, served.answer) as server:
        served.server = server
        yield served


def _opensearch(entry: HubEntry) -> dict[str, Any]:
    value: dict[str, Any] = {
        "title": entry.title, "id": entry.uuid,
        "date": [{"name": "beginposition", "content": entry.begin}],
        "str": [
            {"name": "footprint", "content": entry.footprint},
            {"name": "platformname", "content": entry.platform},
            {"name": "size", "content": "1 MB"},
        ],
    }  # fmt: skip
    if entry.cloud is not None:
        value["double"] = {"name": "cloudcoverpercentage", "content": str(entry.cloud)}
    return value


def _meets(entry: HubEntry, question: str) -> bool:
    area = re.search(r'footprint:"Intersects\((.*?)\)"', question)
    question = question.replace('["', "[").replace('" TO "', " TO ").replace('"]', "]")
    first, last = re.search(r"beginPosition:\[(\S+) TO (\S+)\]", question).groups()
    cloud = re.search(r"cloudcoverpercentage:\[(\S+) TO (\S+)\]", question)
    stated = dict(re.findall(r'(platformname|producttype):"([^"]+)"', question))
    return (
        shapely.from_wkt(area[1]).intersects(shapely.from_wkt(entry.footprint))
        and _moment(first) <= _moment(entry.begin) <= _moment(last)
        and stated == {"platformname": entry.platform, "producttype": entry.product_type}
        and (cloud is None or float(cloud[1]) <= entry.cloud <= float(cloud[2]))
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
