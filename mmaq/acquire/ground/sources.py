"""The table of sources: where each map comes from, in which version, under which licence."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmaq.acquire.services.endpoints import SERVICES, service
from mmaq.base.errors import ConfigError

TABLE = Path(__file__).with_name("sources.csv")

ANY = "geofabrik-*"
"""The row of every extract that has none of its own."""

DAY = re.compile(r"\d{6}")
"""Version of an OpenStreetMap extract: the day it was made, yymmdd."""


@dataclass(frozen=True)
class Source:
    """One version of one map. ``url`` is a template: {tile}, {region} and {version} are filled in.

    ``checksum`` is "md5:<sum>" where the file never changes, "md5" where the server keeps the sum
    beside it, else empty. ``mirror`` says where the same data lie, too.
    """

    name: str
    version: str
    kind: str
    service: str
    url: str
    licence: str
    checksum: str
    mirror: str
    note: str

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
