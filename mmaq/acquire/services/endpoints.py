"""Where each service is, what it bears, and which credentials it wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from mmaq.acquire.services.faults import plain
from mmaq.base.errors import ServiceError

Kind = Literal["cdse", "cdse-s3", "openaq", "dhus", "none"]


@dataclass(frozen=True)
class Service:
    """One service.

    ``connections`` is how many are open at once, over all processes of this user and all services
    of one ``family``; ``per_minute`` limits requests and ``megabytes_per_second`` is the speed of
    one connection, each None where the service states none. ``identity`` is the address that gives
    access tokens, "" where none are needed. ``note`` tells the limits and where they are stated.
    """

    name: str
    url: str
    connections: int
    per_minute: int | None
    megabytes_per_second: float | None
    credentials: Kind
    note: str
    identity: str = ""

    @property
    def family(self) -> str:
        """Services that share their connections: the Data Space counts all of its own together."""
        shared = self.name.startswith("cdse") and self.name != "cdse-identity"
        return "cdse" if shared else self.name

    @property
    def where(self) -> str:
        """Its name and address, for errors."""
        return f"{self.name} ({plain(self.url)})"

    @property
    def host(self) -> str:
        """The host whose credentials are needed: the one that gives tokens, or the service's."""
        return urlsplit(self.identity or self.url).hostname or ""


_QUOTAS = (
    "4 connections of 20 MB/s, 6 to 12 TB a month by account, then 1 MB/s on one "
    "(documentation.dataspace.copernicus.eu/Quotas.html)"
)

_IDENTITY = (
    "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token"
)

_UNSTATED = "no limit stated; MMAQ opens few connections"

_TABLE = (
    Service(
        "cdse", "https://download.dataspace.copernicus.eu/odata/v1",
        4, None, 20.0, "cdse", _QUOTAS, _IDENTITY,
    ),
    Service(
        "cdse-catalogue", "https://catalogue.dataspace.copernicus.eu/odata/v1",
        4, None, 20.0, "none", "1000 products a page, 10 000 a search; " + _QUOTAS,
    ),
    Service(
        "cdse-stac", "https://stac.dataspace.copernicus.eu/v1",
        4, 600, 20.0, "none", "10 requests a second, as users report; " + _QUOTAS,
    ),
    Service(
        "cdse-s3", "https://eodata.dataspace.copernicus.eu",
        4, 2000, 20.0, "cdse-s3", "2000 requests a minute; " + _QUOTAS,
    ),
    Service(
        "cdse-identity", _IDENTITY,
        2, None, None, "none", "100 sessions; a token lasts 10 min, is renewed for 60 min",
    ),
    Service(
        "earth-search", "https://earth-search.aws.element84.com/v1",
        8, None, None, "none", _UNSTATED,
    ),
    Service(
        "planetary-computer", "https://planetarycomputer.microsoft.com/api",
        8, None, None, "none", "slower without a subscription; " + _UNSTATED,
    ),
    Service(
        "eea", "https://eeadmz1-downloads-api-appservice.azurewebsites.net",
        4, None, None, "none", _UNSTATED,
    ),
    Service(
        "eea-table", "https://discomap.eea.europa.eu",
        2, None, None, "none", _UNSTATED,
    ),
    Service(
        "openaq", "https://api.openaq.org/v3",
        2, 33, None, "openaq",
        "60 requests a minute and 2000 an hour (docs.openaq.org/using-the-api/rate-limits)",
    ),
    Service(
        "zenodo", "https://zenodo.org/api",
        2, 33, None, "none", "60 requests a minute and 2000 an hour without an account",
    ),
    Service(
        "geofabrik", "https://download.geofabrik.de",
        1, None, None, "none", "one connection, as the server asks",
    ),
    Service(
        "copernicus-dem", "https://copernicus-dem-30m.s3.eu-central-1.amazonaws.com",
        8, None, None, "none", _UNSTATED,
    ),
    Service(
        "worldcover", "https://esa-worldcover.s3.eu-central-1.amazonaws.com",
        8, None, None, "none", _UNSTATED,
    ),
    Service(
        "ghsl", "https://jeodpp.jrc.ec.europa.eu/ftp/jrc-opendata/GHSL",
        2, None, None, "none", _UNSTATED,
    ),
    Service(
        "dhus", "https://apihub.copernicus.eu/apihub",
        2, None, None, "dhus",
        "2 downloads at once on most hubs; the original hub is closed: give a mirror's address",
    ),
)  # fmt: skip

SERVICES: dict[str, Service] = {entry.name: entry for entry in _TABLE}


def service(name: str, endpoints: Mapping[str, str] = {}) -> Service:
    """The service ``name``, at the address the user gave for it where there is one.

    Raises:
        ServiceError: there is no service of this name, or an address that is none.
    """
    for key in (name, *endpoints):
        if key not in SERVICES:
            known = ", ".join(sorted(SERVICES))
            raise ServiceError(key, "there is no service of this name", f"Known are {known}")
    for key, url in endpoints.items():
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            remedy = "Give acquire.endpoints an https address"
            raise ServiceError(key, "the address given for it is none", remedy)
    found = SERVICES[name]
    identity = endpoints.get("cdse-identity", found.identity) if found.identity else ""
    return replace(found, url=endpoints.get(name, found.url).rstrip("/"), identity=identity)
