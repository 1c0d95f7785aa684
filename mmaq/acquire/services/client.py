"""Requests to one service: retried, paced, authorised, and silent about secrets."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from mmaq import __version__
from mmaq.acquire.services import endpoints
from mmaq.acquire.services.auth import Authority, same_origin
from mmaq.acquire.services.endpoints import Service
from mmaq.acquire.services.faults import AGAIN, SEARCH, Gone, Passing, Refused, plain
from mmaq.acquire.services.limits import Attempts, pace, retry_after, slot
from mmaq.base.errors import ServiceError

AGENT = f"mmaq/{__version__}"

CONNECT = 30.0
"""Seconds until a connection must stand."""

REDIRECTS = 10

RETRIED = (408, 425, 429, 500, 502, 503, 504)


class Client:
    """Speaks to one service; safe to share between threads; a context manager.

    Connection errors, 429 and 5xx are tried again, ``attempts`` times in all, after Retry-After
    (at most 10 min) or an exponentially growing time. ``patience`` is how many seconds may pass
    without a byte. Proxies come from the environment; TLS is always verified; credentials, in
    headers or in a form, go to the service's own host and nowhere else, also not after a redirect.
    """

    def __init__(self, service: Service, *, attempts: int = 6, patience: float = 60.0) -> None:
        self.service, self.attempts, self.patience = service, attempts, patience
        self._session = requests.Session()
        # `requests` would read .netrc and send its `default` entry to any server. Proxies and
        # certificates are taken from the environment with each request instead.
        self._session.trust_env = False
        adapter = HTTPAdapter(pool_maxsize=max(service.connections, 10), max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
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
    def stream(self, href: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """An answer (200, 206 or 416) whose body is still to be read; holds a connection's slot.

        ``href`` may be ``s3://BUCKET/KEY`` at the client's service.

        Raises:
            Passing: the body ended early or stalled, raised from the ``with`` block.
        """
        parts, url = urlsplit(href), href
        if parts.scheme == "s3":
            url = f"{self.service.url}/{parts.netloc}{quote(parts.path)}"
        # Compressed bodies have no ranges that could be resumed.
        wanted = {"Accept-Encoding": "identity", **headers}
        attempts = Attempts(self.attempts)
        with ExitStack() as stack:
            while True:
                try:
                    response = stack.enter_context(self._opened("GET", url, headers=wanted))
                    break
                except Passing as fault:
                    attempts.failed(fault)
            yield response

    def _whole(self, method: str, url: str, **sent: Any) -> requests.Response:
        attempts = Attempts(self.attempts)
        while True:
            try:
                with self._opened(method, url, **sent) as response:
                    _ = response.content  # reads the body while the slot is held
                    return response
            except Passing as fault:
                attempts.failed(fault)

    @contextmanager
    def _opened(self, method: str, url: str, **sent: Any) -> Iterator[requests.Response]:
        """One attempt: the head of an answer that is a success, or 416."""
        with ExitStack() as stack:
            stack.enter_context(slot(self.service))
            pace(self.service)
            try:
                response = self._follow(stack, method, url, **sent)
                if response.status_code == 401 and self._authority.renew(response.request.headers):
                    response = self._follow(stack, method, url, **sent)
                self._judge(response)
                yield response
            except (requests.RequestException, urllib3.exceptions.HTTPError) as fault:
                raise self._named(fault, url) from None

    def _follow(self, stack: ExitStack, method: str, url: str, **sent: Any) -> requests.Response:
        """Send, and follow redirects; credentials stay with the hosts they are for."""
        headers = {"User-Agent": AGENT, **sent.pop("headers", {})}
        for _ in range(REDIRECTS):
            try:
                response = self._session.request(
                    method, url, headers={**headers, **self._authority.headers(url)},
                    stream=True, allow_redirects=False, proxies=get_environ_proxies(url),
                    timeout=(min(CONNECT, self.patience), self.patience),
                    verify=certificates() or True, **sent,
                )  # fmt: skip
            except requests.RequestException as fault:
                raise self._named(fault, url) from None
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
                method, sent = "GET", {}
            sent.pop("params", None)  # a redirect's address holds its own
            url = target
        raise ServiceError(plain(url), f"redirects more than {REDIRECTS} times", "Tell the service")

    def _judge(self, response: requests.Response) -> None:
        """Raise for a status that is no success; 416 is left to whoever asked for a range."""
        status, where = response.status_code, plain(response.url)
        fault = f"answers {status} {response.reason or ''}".rstrip()
        if status in RETRIED:
            passing = Passing(where, fault, AGAIN)
            passing.after = retry_after(response.headers.get("Retry-After"))
            raise passing
        if status in (404, 410):
            raise Gone(where, fault, SEARCH)
        # The identity service answers 400 to a token or a password that is no longer good.
        if status in (401, 403) or (status == 400 and self.service.name == "cdse-identity"):
            raise Refused(where, fault, self._authority.remedy)
        if status >= 400 and status != 416:
            raise ServiceError(where, fault, "Check what was asked for, or try again later")

    def _named(self, fault: Exception, url: str) -> ServiceError:
        """What happened, in words; the libraries' own messages quote addresses with signatures."""
        kind, text = type(fault), repr(fault)
        told = next((told for sign, told in SIGNS if sign in text), "")
        if "CERTIFICATE_VERIFY_FAILED" in text:
            told = "its certificate cannot be verified"
            remedy = "Check the address; MMAQ asks no server whose certificate fails"
            return ServiceError(plain(url), told, remedy)
        if isinstance(fault, requests.exceptions.ProxyError):
            told = "the proxy cannot be reached or refuses"
        elif isinstance(fault, requests.exceptions.ConnectTimeout):
            told = "no connection could be made in time"
        elif isinstance(fault, requests.Timeout) or "timed out" in text:
            told = f"no byte came for {self.patience:g} s"
        elif not isinstance(fault, BREAKING):
            told = f"the request is not possible ({kind.__name__})"
            return ServiceError(plain(url), told, "Check the address")
        return Passing(plain(url), told or "the connection broke", AGAIN)

    def _ask_for_token(self, identity: str, form: dict[str, str]) -> Any:
        with self._lock:
            if self._identity is None:
                at = endpoints.service("cdse-identity", {"cdse-identity": identity})
                self._identity = Client(at, attempts=self.attempts, patience=self.patience)
        return _json(self._identity._whole("POST", identity, data=form), identity)


BREAKING = (
    requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError, urllib3.exceptions.HTTPError,
)  # fmt: skip

SIGNS = (
    ("IncompleteRead", "the answer ended before its stated length"),
    ("InvalidChunkLength", "the answer ended before its stated length"),
    ("NameResolution", "the host's name is not known"),
    ("NewConnectionError", "it cannot be reached"),
)


def certificates() -> str | None:
    """The environment's own bundle of certificates, None for the library's."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None


def _json(response: requests.Response, url: str) -> Any:
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError, requests.exceptions.JSONDecodeError):
        remedy = "Check the service's address, or try again later"
        raise ServiceError(plain(url), "answers something that is no JSON", remedy) from None
