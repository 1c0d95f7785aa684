"""What can go wrong between MMAQ and a server: a class a kind that the caller acts on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from mmaq.base.errors import ServiceError

AGAIN = "Run the same command again: it goes on where it stopped"

SEARCH = "Search again: `mmaq acquire plan` makes a new manifest"


class Gone(ServiceError):
    """Nothing is at this address (404, 410): an asset that moved may be asked for once more."""


class Refused(ServiceError):
    """The service does not accept the credentials (401, 403, or an invalid grant)."""


class Passing(ServiceError):
    """A fault that may pass: a busy service, a broken connection. What came before it is good.

    ``after`` is how many seconds the service asks to be left alone, None when it does not say.
    """

    after: float | None = None


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


@contextmanager
def naming_a_full_disk(path: Path) -> Iterator[None]:
    """Turn a full disk, or a used-up quota, into a ServiceError that names ``path``."""
    try:
        yield
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        remedy = "Free space and run the same command again: it goes on from there"
        raise DiskFull(path, "the disk is full", remedy) from None
