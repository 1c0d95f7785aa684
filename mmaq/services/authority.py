"""Which header carries a service's credentials, and to whom it may be sent."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from mmaq.services.credentials import credentials
from mmaq.services.endpoints import Service
from mmaq.services.tokens import Tokens

DATA_SPACE = ".dataspace.copernicus.eu"

PORTS = {"https": 443, "http": 80}


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
    """The headers that authorise requests to one service; safe between threads."""

    def __init__(self, service: Service, ask: Callable[[str, dict[str, str]], Any]) -> None:
        self._service, self._ask = service, ask
        self._lock = threading.Lock()
        self._tokens: Tokens | None = None
        self._fixed: dict[str, str] | None = None

    @property
    def remedy(self) -> str:
        """What to do when the service refuses."""
        kind = self._service.credentials
        if kind == "none" and self._service.name != "cdse-identity":
            return "The service or the file is not open to everybody; try another provider"
        factor = " (CDSE_TOTP: new digits, or the authenticator's key)"
        added = factor if kind in ("cdse", "none") else ""
        return f"Check user and password, in the environment or .netrc{added}"

    def headers(self) -> dict[str, str]:
        """The header for the next request, {} for a service that needs none.

        Raises:
            ServiceError: there are no credentials, or no token can be had for them.
        """
        kind = self._service.credentials
        if kind == "cdse":
            return {"Authorization": f"Bearer {self._of_the_account().bearer()}"}
        with self._lock:
            if self._fixed is None:
                self._fixed = self._fixed_headers()
            return self._fixed

    def renew(self, sent: Mapping[str, str]) -> bool:
        """After a 401: whether another token may help, which the next request then gets."""
        token = sent.get("Authorization", "")
        if self._service.credentials != "cdse" or not token.startswith("Bearer "):
            return False
        self._of_the_account().refused(token.removeprefix("Bearer "))
        return True

    def _of_the_account(self) -> Tokens:
        with self._lock:
            if self._tokens is None:
                account = credentials("cdse", self._service.host)
                self._tokens = Tokens(self._service.identity, account, self._ask)
            return self._tokens

    def _fixed_headers(self) -> dict[str, str]:
        kind = self._service.credentials
        if kind not in ("openaq", "dhus"):
            return {}  # the object store signs each request on its own
        account = credentials(kind, self._service.host)
        if kind == "openaq":
            return {"X-API-Key": account.secret}
        pair = base64.b64encode(f"{account.user}:{account.secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
