"""The table of sources: where each map comes from, in which version, under which licence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path

import pandas as pd
import pandera.pandas as pa

from mmaq.base.errors import ConfigError, TableError
from mmaq.services.endpoints import SERVICES, service

TABLE = Path(__file__).with_name("sources.csv")

KINDS = ("dem", "land_cover", "population", "roads")

ANY = "geofabrik-*"
"""The row of every extract that has none of its own."""

DAY = re.compile(r"\d{6}")
"""Version of an OpenStreetMap extract: the day it was made, yymmdd."""

SCHEMA = pa.DataFrameSchema(
    {
        "name": pa.Column(str, pa.Check.str_matches(r"^[a-z0-9*-]+$")),
        "version": pa.Column(str, pa.Check.str_length(min_value=1)),
        "kind": pa.Column(str, pa.Check.isin(KINDS)),
        "service": pa.Column(str, pa.Check.isin(["", *SERVICES])),
        "url": pa.Column(str, pa.Check.str_matches(r"^(https://\S+)?$")),
        "licence": pa.Column(str, pa.Check.str_length(min_value=1)),
        # A sum, or "md5" where the server keeps one beside the file.
        "checksum": pa.Column(str, pa.Check.str_matches(r"^(md5|md5:[0-9a-f]{32})?$")),
        "mirror": pa.Column(str, pa.Check.str_matches(r"^(https://\S+)?$")),
        "note": pa.Column(str),
    },
    strict=True,
    ordered=True,
    unique=["name", "version"],
)


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


def read_sources(path: str | PathLike[str] = TABLE) -> list[Source]:
    """Read the table, in its order.

    Raises:
        TableError: a column is missing, a cell is impossible, or rows are unsorted or stand twice.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(table) != list(SCHEMA.columns):
        names = ", ".join(SCHEMA.columns)
        raise TableError(path, f"not a table of sources (columns {names})", "Correct it")
    try:
        table = SCHEMA.validate(table)
    except pa.errors.SchemaError as fault:
        first = str(fault).splitlines()[0]
        raise TableError(path, f"not a table of sources ({first})", "Correct it") from None
    keys = list(zip(table["name"], table["version"], strict=True))
    for before, after in zip(keys, sorted(keys), strict=True):
        if before != after:
            fault_ = f"{'@'.join(before)} does not stand in its place of the alphabet"
            raise TableError(path, fault_, "Sort the rows by name and version")
    for row in table.itertuples():
        at = SERVICES[row.service].url if row.service else ""
        if bool(row.service) != bool(row.url) or not row.url.startswith(at):
            fault_ = f"the url of {row.name}@{row.version} is not at its service {row.service!r}"
            raise TableError(path, fault_, "Give an address of that service")
    return [Source(**row) for row in table.to_dict("records")]


@cache
def _sources() -> dict[tuple[str, str], Source]:
    return {(source.name, source.version): source for source in read_sources()}


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
    if key not in _sources() and "/" in region and region != name:
        key = (ANY, key[1])
    found = _sources().get(key)
    if found is None or found.kind != kind or (found.name == ANY and "/" not in region):
        known = sorted("@".join(pair) for pair, source in _sources().items() if source.kind == kind)
        shown = ", ".join(known[:3]) + (", ..." if len(known) > 3 else "")
        raise ConfigError(where, f"{entry!r} is no source of this kind", f"Use one of: {shown}")
    if not found.url:
        raise ConfigError(where, f"{entry} {found.note}", "Or use another source")
    url = found.url.replace("{region}", region)
    return Source(**{**vars(found), "name": name, "version": version, "url": url})
