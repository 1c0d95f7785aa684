"""One request over the wire, with what the environment says and without what it should not."""

from __future__ import annotations

import os
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

CONNECT = 30.0
"""Seconds until a connection must stand."""


def open_session(connections: int) -> requests.Session:
    """A session that takes nothing from the environment by itself.

    ``requests`` would read .netrc and send its ``default`` entry to any server, so that is off,
    and proxies and certificates are taken up in ``send`` instead.
    """
    session = requests.Session()
    session.trust_env = False
    adapter = HTTPAdapter(pool_maxsize=max(connections, 10), max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def send(
    session: requests.Session, method: str, url: str, patience: float, **sent: Any
) -> requests.Response:
    """The head of the answer to one request; redirects are left to the caller."""
    return session.request(
        method,
        url,
        stream=True,
        allow_redirects=False,
        timeout=(min(CONNECT, patience), patience),
        proxies=get_environ_proxies(url),
        verify=certificates(),
        **sent,
    )


def certificates() -> str | bool:
    """What servers are verified with: the environment's bundle, else the library's."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    return bundle or True


def uncertified(fault: Exception) -> bool:
    """Whether the server is not who it says; other faults of encryption may pass."""
    return "CERTIFICATE_VERIFY_FAILED" in repr(fault)


def told(fault: Exception, patience: float) -> str:
    """What happened, in words; the libraries' own messages quote addresses with signatures."""
    if isinstance(fault, requests.exceptions.ProxyError):
        return "the proxy cannot be reached or refuses"
    if uncertified(fault):
        return "its certificate cannot be verified"
    if isinstance(fault, requests.exceptions.ConnectTimeout):
        return "no connection could be made in time"
    text = repr(fault)
    if isinstance(fault, requests.Timeout) or "timed out" in text:
        return f"no byte came for {patience:g} s"
    if "IncompleteRead" in text or "InvalidChunkLength" in text:
        return "the answer ended before its stated length"
    if "NameResolution" in text:
        return "the host's name is not known"
    if "NewConnectionError" in text:
        return "it cannot be reached"
    broken = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
    if isinstance(fault, (*broken, urllib3.exceptions.HTTPError)):
        return "the connection broke"
    return f"the request is not possible ({type(fault).__name__})"
