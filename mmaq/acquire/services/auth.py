"""Accounts at the services: where they are found, what they are sent as, and to whom.

From the environment, .netrc or the service's own file; never shown, and never stored.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import hashlib
import hmac
import netrc
import os
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

from mmaq.acquire.services.endpoints import Kind, Service
from mmaq.acquire.services.faults import Refused, plain
from mmaq.base.errors import ServiceError

CLIENT = "cdse-public"

DATA_SPACE = ".dataspace.copernicus.eu"

REGION = "default"
"""Of the Data Space's object store (documentation.dataspace.copernicus.eu/APIs/S3.html)."""

PORTS = {"https": 443, "http": 80}

_NEEDED: dict[str, tuple[str, tuple[str, ...]]] = {
    "cdse": ("a free account of the Copernicus Data Space", ("CDSE_USERNAME", "CDSE_PASSWORD")),
    "cdse-s3": (
        "a key of the Copernicus Data Space's object store",
        ("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY"),
    ),
    "openaq": ("a free key of OpenAQ", ("OPENAQ_API_KEY",)),
    "dhus": ("an account of the DHuS mirror", ("DHUS_USERNAME", "DHUS_PASSWORD")),
    "none": ("no account", ()),
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
        what, names = _NEEDED[kind]
        remedy = (
            f"Set {' and '.join(names)} in the environment, or write a line for {host} in .netrc"
        )
        raise ServiceError(host, f"needs {what}, and none is found", remedy)
    return found


def described(kind: Kind) -> str:
    """What is needed, in words for the plan; never a value."""
    what, names = _NEEDED[kind]
    return f"{what} ({', '.join(names)}, or .netrc)" if names else what


def available(kind: Kind, host: str) -> bool:
    """Whether credentials of ``kind`` are found; also true when none are needed."""
    try:
        return kind == "none" or bool(credentials(kind, host))
    except ServiceError:
        return False


def _from_environment(kind: Kind) -> Credentials | None:
    values = [os.environ.get(name, "") for name in _NEEDED[kind][1]]
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
    profile = parser["cdse"] if parser.has_section("cdse") else {}
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
    return Credentials(entry[0] or "", entry[2], os.environ.get("CDSE_TOTP", ""))


def trusts(service: Service, url: str) -> bool:
    """Whether the service's credentials may go to ``url``.

    To its own scheme, host and port, and between the encrypted hosts of the Data Space, whose
    catalogue sends downloads on to others of them. Nowhere else, whatever a manifest or a
    redirect says.
    """
    if same_origin(service.url, url):
        return True
    return all(
        part.scheme == "https" and (part.hostname or "").endswith(DATA_SPACE)
        for part in (urlsplit(service.url), urlsplit(url))
    )


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of one scheme, host and port."""
    return _origin(one) == _origin(other)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    part = urlsplit(url)
    return part.scheme, part.hostname, part.port or PORTS.get(part.scheme)


class Authority:
    """The headers that authorise requests to one service; safe between threads.

    ``ask`` posts a form to the address of the identity service and returns its JSON.
    """

    def __init__(self, service: Service, ask: Callable[[str, dict[str, str]], Any]) -> None:
        self._service, self._ask = service, ask
        self._lock = threading.Lock()
        self._account: Credentials | None = None
        self._tokens: Tokens | None = None

    @property
    def remedy(self) -> str:
        """What to do when the service refuses."""
        kind = self._service.credentials
        if kind == "cdse-s3":
            return "Check the keys of the object store; they expire"
        if kind == "none" and self._service.name != "cdse-identity":
            return "The service or the file is not open to everybody; try another provider"
        factor = " (CDSE_TOTP: new digits, or the authenticator's key)"
        added = factor if kind in ("cdse", "none") else ""
        return f"Check user and password, in the environment or .netrc{added}"

    def headers(self, url: str) -> dict[str, str]:
        """The headers for a request of ``url``; {} where the service needs or trusts none.

        Raises:
            ServiceError: there are no credentials, or no token can be had for them.
        """
        kind = self._service.credentials
        if kind == "none" or not trusts(self._service, url):
            return {}
        with self._lock:
            if self._account is None:
                self._account = credentials(kind, self._service.host)
                self._tokens = Tokens(self._service.identity, self._account, self._ask)
        account = self._account
        if kind == "cdse" and self._tokens is not None:
            return {"Authorization": f"Bearer {self._tokens.bearer()}"}
        if kind == "cdse-s3":
            request = AWSRequest("GET", url)
            S3SigV4Auth(Keys(account.user, account.secret), "s3", REGION).add_auth(request)
            return dict(request.headers.items())
        if kind == "openaq":
            return {"X-API-Key": account.secret}
        pair = base64.b64encode(f"{account.user}:{account.secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def renew(self, sent: Mapping[str, str]) -> bool:
        """After a 401: whether another token may help, which the next request then gets."""
        token = sent.get("Authorization", "")
        if self._tokens is None or not token.startswith("Bearer "):
            return False
        self._tokens.refused(token.removeprefix("Bearer "))
        return True


class Tokens:
    """The access tokens of one account of the Data Space; safe to share between threads.

    A token lasts 10 min and can be renewed for 60 min (documentation.dataspace.copernicus.eu,
    Quotas); each log-in opens one of 100 sessions, so a renewal comes first and a log-in only when
    it fails.
    """

    def __init__(
        self, identity: str, account: Credentials, ask: Callable[[str, dict[str, str]], Any]
    ) -> None:
        self._identity, self._account, self._ask = identity, account, ask
        self._lock = threading.Lock()
        self._access = self._refresh = ""
        self._access_ends = self._refresh_ends = 0.0

    def bearer(self) -> str:
        """A token that is good for a while yet.

        Raises:
            Refused: user, password or second factor are not accepted.
            ServiceError: the identity service cannot be reached, or answers something else.
        """
        with self._lock:
            if time.monotonic() >= self._access_ends:
                self._renew()
            return self._access

    def refused(self, token: str) -> None:
        """The service did not accept ``token``: the next one asked for is another."""
        with self._lock:
            if token == self._access:
                self._access_ends = 0.0

    def _renew(self) -> None:
        if time.monotonic() < self._refresh_ends:
            try:
                self._take(grant_type="refresh_token", refresh_token=self._refresh)
                return
            except Refused:
                self._refresh_ends = 0.0  # the session ended early: log in anew
        code = self._account.one_time_code(time.time())
        self._take(
            grant_type="password", username=self._account.user, password=self._account.secret,
            **({"totp": code} if code else {}),
        )  # fmt: skip

    def _take(self, **form: str) -> None:
        answer = self._ask(self._identity, {"client_id": CLIENT, **form})
        now = time.monotonic()
        try:
            access, lasts = str(answer["access_token"]), float(answer.get("expires_in", 600))
            refresh = str(answer.get("refresh_token", ""))
            renewable = float(answer.get("refresh_expires_in", 3600)) if refresh else 0.0
        except (KeyError, TypeError, ValueError, AttributeError):
            fault = "its answer holds no access token"
            remedy = "Check the address in acquire.endpoints"
            raise ServiceError(plain(self._identity), fault, remedy) from None
        self._access, self._refresh = access, refresh
        # A tenth early, at most a minute: a request under way must not meet the end.
        self._access_ends = now + lasts - min(60.0, 0.1 * lasts)
        self._refresh_ends = now + renewable - min(60.0, 0.1 * renewable)
