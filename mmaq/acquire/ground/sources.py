"""The table of sources: where each map or table comes from, in which version and licence."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmaq.acquire.services.endpoints import SERVICES, service
from mmaq.base.errors import ConfigError
from mmaq.base.layout import RAW

TABLE = Path(__file__).with_name("sources.csv")

ANY = "geofabrik-*"
"""The row of every extract that has none of its own."""

PUBLISHED = ("samples", "eea_metadata", "osm")
"""Kinds of the published tables: keys of the section ``published``."""

DAY = re.compile(r"\d{6}")
"""Version of an OpenStreetMap extract: the day it was made, yymmdd."""


@dataclass(frozen=True)
class Source:
    """One version of one file. ``url`` is a template: {tile}, {region}, {version} are filled in.

    ``checksum`` is "md5:<sum>" or "sha256:<sum>" where the file never changes, "md5" where the
    server keeps the sum beside it, else empty. ``bytes`` is its size, "" where unknown. ``mirror``
    says where the same data lie, too.
    """

    name: str
    version: str
    kind: str
    service: str
    url: str
    licence: str
    checksum: str
    bytes: str
    mirror: str
    note: str

    @property
    def size(self) -> int | None:
        """Bytes of the file, None where unknown."""
        return int(self.bytes) if self.bytes else None

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the file, None where the table tells none."""
        kind, _, total = self.checksum.partition(":")
        return total if kind == "sha256" else None

    def address(self, endpoints: Mapping[str, str], **parts: str) -> str:
        """The template filled in, at the user's other address where ``endpoints`` names one."""
        whole = self.url.format(version=self.version, **parts)
        at = service(self.service, endpoints).url.rstrip("/")
        return at + whole.removeprefix(SERVICES[self.service].url.rstrip("/"))


@cache
def sources() -> dict[tuple[str, str], Source]:
    """The table, by name and version."""
    with open(TABLE, encoding="utf-8", newline="") as stream:
        found = [Source(**row) for row in csv.DictReader(stream)]
    return {(source.name, source.version): source for source in found}


def published_tables() -> dict[str, Source]:
    """Tables of stations that can be fetched, by file name."""
    return {name: found for (name, _), found in sources().items() if found.kind in PUBLISHED}


def to_fetch(paths: Iterable[str]) -> list[str]:
    """Of some paths those in ``RAW`` that bear the name of a published table."""
    known = published_tables()
    return [path for path in paths if Path(path).parent == RAW and Path(path).name in known]


def find_source(entry: str, kind: str) -> Source:
    """The source NAME@VERSION of this kind, as ``acquire.maps`` names it.

    An OpenStreetMap extract may have the day it was made as its version (six digits), and a region
    by its path on the server as its name (geofabrik-asia/japan).

    Raises:
        ConfigError: the table has no such source, it is of another kind, or it is one that the
            user must download himself.
    """
    where = f"acquire.maps.{kind}"
    name, _, version = entry.partition("@")
    key = (name, "latest" if DAY.fullmatch(version) and name.startswith("geofabrik-") else version)
    region = name.removeprefix("geofabrik-")
    if key not in sources() and "/" in region and region != name:
        key = (ANY, key[1])
    found = sources().get(key)
    if found is None or found.kind != kind or (found.name == ANY and "/" not in region):
        known = sorted("@".join(pair) for pair, source in sources().items() if source.kind == kind)
        shown = ", ".join(known[:3]) + (", ..." if len(known) > 3 else "")
        raise ConfigError(where, f"{entry!r} is no source of this kind", f"Use one of: {shown}")
    if not found.url:
        raise ConfigError(where, f"{entry} {found.note}", "Or use another source")
    url = found.url.replace("{region}", region)
    return Source(**{**vars(found), "name": name, "version": version, "url": url})
