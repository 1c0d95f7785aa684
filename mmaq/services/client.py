"""Requests to one service: retried, paced, authorised, and silent about secrets."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3

from mmaq import __version__
from mmaq.base.errors import ServiceError
from mmaq.services import endpoints, waiting
from mmaq.services.authority import Authority, same_origin, trusts
from mmaq.services.endpoints import Service
from mmaq.services.faults import Broken, Gone, Refused, plain
from mmaq.services.slots import pace, slot
from mmaq.services.transport import open_session, send, told, uncertified

REDIRECTS = 10

RETRIED = (408, 425, 429, 500, 502, 503, 504)

AGAIN = "Run the same command again: it goes on where it stopped"


class Client:
    """Speaks to one service; safe to share between threads; a context manager.

    Connection errors, 429 and 5xx are tried again, ``attempts`` times in all, after Retry-After
    (at most 10 min) or an exponentially growing time. ``patience`` is how many seconds may pass
    without a byte. Proxies come from the environment; TLS is always verified; credentials, in
    headers or in a form, go to the service's own host and nowhere else, also not after a redirect.
    """

    def __init__(self, service: Service, *, attempts: int = 6, patience: float = 60.0) -> None:
        self.service, self.attempts, self.patience = service, attempts, patience
        self._session = open_session(service.connections)
        self._authority = Authority(service, self._ask_for_token)
        self._identity: Client | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._session.close()
        if self._identity is not None:
            self._identity.close()

    def get(self, url: str, params: Mapping[str, Any] | None = None) -> requests.Response:
        """The whole answer to a GET.

        Raises:
            Gone: 404 or 410. Refused: 401 or 403. ServiceError: any other failure, named.
        """
        return self._whole("GET", url, params=params)

    def post(self, url: str, body: Any) -> requests.Response:
        """The whole answer to a POST of JSON, which must be one that may be repeated."""
        return self._whole("POST", url, json=body)

    def get_json(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """The JSON a GET answers with."""
        return _json(self.get(url, params), url)

    def post_json(self, url: str, body: Any) -> Any:
        """The JSON a POST of JSON (a search, which may be repeated) answers with."""
        return _json(self.post(url, body), url)

    @contextmanager
    def stream(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[requests.Response]:
        """An answer (200, 206 or 416) whose body is still to be read; holds a connection's slot.

        Raises:
            Broken: the body ended early or stalled, raised from the ``with`` block.
        """
        # Compressed bodies have no ranges that could be resumed.
        wanted = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            response, held = waiting.retrying(self.attempts)(
                self._attempt, "GET", url, headers=wanted
            )
        except waiting.TryAgain as fault:
            raise self._given_up(fault) from None
        with held:
            try:
                yield response
            except (requests.RequestException, urllib3.exceptions.HTTPError) as fault:
                raise Broken(plain(url), told(fault, self.patience), AGAIN) from None

    def _whole(self, method: str, url: str, **sent: Any) -> requests.Response:
        def attempt() -> requests.Response:
            response, held = self._attempt(method, url, **sent)
            with held:
                try:
                    _ = response.content  # reads the body while the slot is held
                except requests.RequestException as fault:
                    raise waiting.TryAgain(plain(url), told(fault, self.patience)) from None
            return response

        try:
            return waiting.retrying(self.attempts)(attempt)
        except waiting.TryAgain as fault:
            raise self._given_up(fault) from None

    def _attempt(self, method: str, url: str, **sent: Any) -> tuple[requests.Response, ExitStack]:
        """One attempt: the answer with what must be closed after it, or TryAgain."""
        with ExitStack() as stack:
            stack.enter_context(slot(self.service))
            pace(self.service)
            response = self._follow(stack, method, url, **sent)
            if response.status_code == 401 and self._authority.renew(response.request.headers):
                response.close()
                response = self._follow(stack, method, url, **sent)
            self._judge(response)
            return response, stack.pop_all()
        raise AssertionError("unreachable")  # for mypy: an ExitStack could swallow exceptions

    def _follow(self, stack: ExitStack, method: str, url: str, **sent: Any) -> requests.Response:
        """Send, and follow redirects; credentials stay with the hosts they are for."""
        headers = {"User-Agent": f"mmaq/{__version__}", **sent.pop("headers", {})}
        for _ in range(REDIRECTS):
            secret = self._authority.headers() if trusts(self.service, url) else {}
            try:
                response = send(
                    self._session, method, url, self.patience, headers={**headers, **secret}, **sent
                )
            except requests.RequestException as fault:
                if uncertified(fault):
                    remedy = "Check the address; MMAQ asks no server whose certificate fails"
                    raise ServiceError(plain(url), told(fault, self.patience), remedy) from None
                if not isinstance(fault, (requests.ConnectionError, requests.Timeout)):
                    remedy = "Check the address"
                    raise ServiceError(plain(url), told(fault, self.patience), remedy) from None
                raise waiting.TryAgain(plain(url), told(fault, self.patience)) from None
            stack.callback(response.close)
            if not response.is_redirect:
                return response
            target = urljoin(url, response.headers["location"])
            if url.startswith("https:") and not target.startswith("https:"):
                fault_text = "redirects to an address that is not encrypted"
                raise ServiceError(plain(url), fault_text, "Tell the service")
            if "data" in sent and not same_origin(url, target):
                # A form holds user and password, whatever the redirect makes of it.
                fault_text = f"sends the log-in on to another address, {plain(target)}"
                remedy = "Check its address in acquire.endpoints; nothing was sent there"
                raise ServiceError(plain(url), fault_text, remedy)
            if response.status_code == 303:
                method = "GET"
                sent = {}
            sent.pop("params", None)  # a redirect's address holds its own
            url = target
        raise ServiceError(plain(url), f"redirects more than {REDIRECTS} times", "Tell the service")

    def _judge(self, response: requests.Response) -> None:
        """Raise for a status that is no success; 416 is left to whoever asked for a range."""
        status, where = response.status_code, plain(response.url)
        fault = f"answers {status} {response.reason or ''}".rstrip()
        if status in RETRIED:
            after = waiting.retry_after(response.headers.get("Retry-After"))
            raise waiting.TryAgain(where, fault, after)
        if status in (404, 410):
            raise Gone(where, fault, "Search again: `mmaq acquire plan` makes a new manifest")
        # The identity service answers 400 to a token or a password that is no longer good.
        if status in (401, 403) or (status == 400 and self.service.name == "cdse-identity"):
            raise Refused(where, fault, self._authority.remedy)
        if status >= 400 and status != 416:
            raise ServiceError(where, fault, "Check what was asked for, or try again later")

    def _given_up(self, fault: waiting.TryAgain) -> ServiceError:
        return ServiceError(fault.where, f"{fault.fault}, {self.attempts} times", AGAIN)

    def _ask_for_token(self, identity: str, form: dict[str, str]) -> Any:
        with self._lock:
            if self._identity is None:
                at = endpoints.service("cdse-identity", {"cdse-identity": identity})
                self._identity = Client(at, attempts=self.attempts, patience=self.patience)
        return _json(self._identity._whole("POST", identity, data=form), identity)


def _json(response: requests.Response, url: str) -> Any:
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError, requests.exceptions.JSONDecodeError):
        remedy = "Check the service's address, or try again later"
        raise ServiceError(plain(url), "answers something that is no JSON", remedy) from None
