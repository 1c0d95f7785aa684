"""Accounts at the services: from the environment, .netrc or the service's own file, never shown."""

from __future__ import annotations

import base64
import binascii
import configparser
import hashlib
import hmac
import netrc
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from mmaq.base.errors import ServiceError
from mmaq.services.endpoints import Kind

_VARIABLES: dict[str, tuple[str, ...]] = {
    "cdse": ("CDSE_USERNAME", "CDSE_PASSWORD"),
    "cdse-s3": ("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY"),
    "openaq": ("OPENAQ_API_KEY",),
    "dhus": ("DHUS_USERNAME", "DHUS_PASSWORD"),
}

_WHERE = {
    "cdse": "a free account of the Copernicus Data Space",
    "cdse-s3": "a key of the Copernicus Data Space's object store",
    "openaq": "a free key of OpenAQ",
    "dhus": "an account of the DHuS mirror",
    "none": "no account",
}


@dataclass(frozen=True, repr=False)
class Credentials:
    """A user (or access key) with its secret; ``totp`` is the second factor, "" without one.

    ``totp`` is either the six digits of an authenticator application or the key it was set up
    with, from which new digits can be made for as long as the run lasts.
    """

    user: str
    secret: str
    totp: str = ""

    def __repr__(self) -> str:
        return "Credentials(hidden)"

    def one_time_code(self, now: float) -> str:
        """The six digits for the time ``now`` (seconds since 1970), "" without a second factor.

        RFC 6238: HMAC-SHA-1 of the count of 30 s since 1970.

        Raises:
            ServiceError: ``totp`` is neither six digits nor a key in base 32.
        """
        if not self.totp or (self.totp.isdecimal() and len(self.totp) == 6):
            return self.totp
        text = self.totp.replace(" ", "").upper()
        try:
            key = base64.b32decode(text + "=" * (-len(text) % 8))
        except binascii.Error:
            remedy = "Set it to the six digits shown, or to the key of the authenticator"
            raise ServiceError("CDSE_TOTP", "neither six digits nor a key", remedy) from None
        digest = hmac.digest(key, struct.pack(">Q", int(now) // 30), hashlib.sha1)
        (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
        return f"{(number & 0x7FFFFFFF) % 1_000_000:06d}"


def credentials(kind: Kind, host: str) -> Credentials:
    """The user's credentials of ``kind``, for ``host``.

    From the environment, then for the object store from the profile ``cdse`` of the AWS
    credentials file, then from the entry of exactly this host in .netrc (its ``default`` is never
    used: it would go to any server).

    Raises:
        ServiceError: none are found; it says which variables to set. Or a file is not readable.
    """
    found = _from_environment(kind)
    if found is None and kind == "cdse-s3":
        found = _from_profile()
    if found is None:
        found = _from_netrc(host)
    if found is None:
        raise ServiceError(host, f"needs {_WHERE[kind]}, and none is found", _remedy(kind, host))
    return found


def described(kind: Kind) -> str:
    """What is needed, in words for the plan; never a value."""
    names = ", ".join(_VARIABLES.get(kind, ()))
    return f"{_WHERE[kind]} ({names}, or .netrc)" if names else _WHERE[kind]


def available(kind: Kind, host: str) -> bool:
    """Whether credentials of ``kind`` are found; also true when none are needed."""
    try:
        return kind == "none" or bool(credentials(kind, host))
    except ServiceError:
        return False


def _from_environment(kind: Kind) -> Credentials | None:
    values = [os.environ.get(name, "") for name in _VARIABLES.get(kind, ())]
    if not values or not all(values):
        return None
    totp = os.environ.get("CDSE_TOTP", "") if kind == "cdse" else ""
    return Credentials(values[0] if len(values) > 1 else "", values[-1], totp)


def _from_profile() -> Credentials | None:
    named = os.environ.get("AWS_SHARED_CREDENTIALS_FILE")
    path = Path(named) if named else Path.home() / ".aws" / "credentials"
    parser = configparser.RawConfigParser()
    try:
        parser.read(path)
    except (configparser.Error, UnicodeDecodeError):
        # The parser's own message quotes the line, which may hold the key.
        raise ServiceError(path, "not a file of AWS profiles", "Correct it") from None
    if not parser.has_section("cdse"):
        return None
    profile = parser["cdse"]
    user, secret = profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")
    return Credentials(user, secret) if user and secret else None


def _from_netrc(host: str) -> Credentials | None:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.exists():
        return None
    try:
        entry = netrc.netrc(path).hosts.get(host)
    except netrc.NetrcParseError as fault:
        # Its message quotes what it could not read, which may be a password.
        where = f"{path}, line {fault.lineno}" if fault.lineno else str(path)
        raise ServiceError(where, "not a sound .netrc", "Correct it; see man netrc") from None
    if entry is None or not entry[2]:
        return None
    totp = os.environ.get("CDSE_TOTP", "")
    return Credentials(entry[0] or "", entry[2], totp)


def _remedy(kind: Kind, host: str) -> str:
    names = " and ".join(_VARIABLES.get(kind, ()))
    return f"Set {names} in the environment, or write a line for {host} in .netrc"
