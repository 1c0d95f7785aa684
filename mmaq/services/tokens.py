"""Access tokens of the Copernicus Data Space: asked for, renewed before they end, never stored.

A token lasts 10 min and can be renewed for 60 min (documentation.dataspace.copernicus.eu, Quotas);
each log-in opens one of 100 sessions, so a renewal comes first and a log-in only when it fails.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from mmaq.base.errors import ServiceError
from mmaq.services.credentials import Credentials
from mmaq.services.faults import Refused, plain

CLIENT = "cdse-public"


class Tokens:
    """The tokens of one account; safe to share between threads.

    ``ask`` posts a form to the address of the identity service and returns its JSON.
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
            form = {"grant_type": "refresh_token", "refresh_token": self._refresh}
            try:
                self._take(self._ask(self._identity, {"client_id": CLIENT, **form}))
                return
            except Refused:
                self._refresh_ends = 0.0  # the session ended early: log in anew
        self._take(self._ask(self._identity, {"client_id": CLIENT, **self._login()}))

    def _login(self) -> dict[str, str]:
        form = {
            "grant_type": "password",
            "username": self._account.user,
            "password": self._account.secret,
        }
        code = self._account.one_time_code(time.time())
        return {**form, "totp": code} if code else form

    def _take(self, answer: Any) -> None:
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
