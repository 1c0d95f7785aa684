"""A file at a service, as far as it is known before it is fetched."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class RemoteFile(BaseModel):
    """A file at a service. ``bytes`` is its size; checksums are hexadecimal, None where unknown.

    ``href`` is an https, http or s3 address without a query that signs it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    href: str
    bytes: int | None = None
    md5: str | None = None
    blake3: str | None = None
    sha256: str | None = None
