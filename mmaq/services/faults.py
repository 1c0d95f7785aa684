"""What can go wrong between MMAQ and a server: a class a kind that the caller acts on."""

from __future__ import annotations

from urllib.parse import urlsplit

from mmaq.base.errors import ServiceError


class Gone(ServiceError):
    """Nothing is at this address (404, 410): an asset that moved may be asked for once more."""


class Refused(ServiceError):
    """The service does not accept the credentials (401, 403, or an invalid grant)."""


class Broken(ServiceError):
    """The connection broke or stalled within an answer; what came is good, the rest may follow."""


class DiskFull(ServiceError):
    """There is no room left here, so that no other download would fare better."""


class Unreadable(ServiceError):
    """What came is whole, but not what it should be: a damaged raster, or none."""


class Changed(ServiceError):
    """The file at the service is another one than it was when its first bytes were read."""


def plain(url: str) -> str:
    """The address without what may be secret: no user, no query, no fragment."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
