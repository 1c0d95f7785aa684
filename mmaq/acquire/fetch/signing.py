"""Short-lived signatures of the Planetary Computer: asked for when they are needed, never kept."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from threading import Lock

from mmaq.errors import ServiceError
from mmaq.services.client import Client

SPARE = timedelta(minutes=2)
"""A token is renewed this long before it ends, so that no request outlives it."""


class Signer:
    """Signs addresses of one collection; safe between threads.

    The token endpoint ``<api>/sas/v1/token/<collection>`` answers ``token``, a query to append,
    and ``msft:expiry``, when it ends (Planetary Computer, "Using tokens for data access").
    """

    def __init__(self, client: Client, collection: str) -> None:
        self.client = client
        self.url = f"{client.service.url}/sas/v1/token/{collection}"
        self._token, self._ends = "", datetime.min.replace(tzinfo=timezone.utc)
        self._lock = Lock()

    def __call__(self, href: str) -> str:
        """The address with a signature that holds for minutes at least.

        Raises:
            ServiceError: the service gives no token.
        """
        with self._lock:
            if datetime.now(timezone.utc) + SPARE >= self._ends:
                self._renew()
            return f"{href}?{self._token}"

    def _renew(self) -> None:
        answer = self.client.get_json(self.url)
        try:
            self._token = str(answer["token"])
            ends = datetime.fromisoformat(answer["msft:expiry"])
            self._ends = ends if ends.tzinfo else ends.replace(tzinfo=timezone.utc)
        except (KeyError, TypeError, ValueError):
            fault = f"the answer of {self.url} is no token with its end"
            remedy = "Try again later, or use the provider earth-search"
            raise ServiceError(self.client.service.name, fault, remedy) from None
