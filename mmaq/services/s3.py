"""Files of an object store (S3), with the same resuming as over HTTP.

The Data Space's store: documentation.dataspace.copernicus.eu/APIs/S3.html (bucket ``eodata``,
region ``default``, addresses by path).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from mmaq.base.errors import ServiceError
from mmaq.services import waiting
from mmaq.services.client import AGAIN, RETRIED, Client
from mmaq.services.credentials import credentials
from mmaq.services.endpoints import Service
from mmaq.services.faults import Broken, Changed, Gone, Refused
from mmaq.services.opened import CHUNK, Opened
from mmaq.services.slots import pace, slot
from mmaq.services.transport import CONNECT


@contextmanager
def open_s3(client: Client, href: str, start: int, known: str) -> Iterator[Opened]:
    """Bytes from ``start`` of ``s3://BUCKET/KEY`` at the client's service.

    ``known`` is the ETag of what is there already: the whole file comes when it has changed.

    Raises:
        Changed, Gone, Refused, Broken, ServiceError: as over HTTP.
    """
    parts = urlsplit(href)
    wanted = {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}
    if start:
        wanted["Range"] = f"bytes={start}-"
        if known:
            wanted["IfMatch"] = known
    try:
        answer, held = waiting.retrying(client.attempts)(_attempt, client, href, wanted)
    except waiting.TryAgain as fault:
        text = f"{fault.fault}, {client.attempts} times"
        raise ServiceError(fault.where, text, AGAIN) from None
    with held:
        try:
            total = start + int(answer["ContentLength"])
            yield Opened(start, total, answer.get("ETag", ""), answer["Body"].iter_chunks(CHUNK))
        except (BotoCoreError, urllib3.exceptions.HTTPError):
            raise Broken(href, "the answer ended early or stalled", AGAIN) from None


def _attempt(client: Client, href: str, wanted: dict[str, str]) -> tuple[Any, ExitStack]:
    with ExitStack() as stack:
        stack.enter_context(slot(client.service))
        pace(client.service)
        try:
            answer = _store(client.service, client.patience).get_object(**wanted)
        except ClientError as fault:
            raise _judged(fault, href) from None
        except (ConnectionError, HTTPClientError) as fault:
            raise waiting.TryAgain(href, f"no answer ({type(fault).__name__})") from None
        except BotoCoreError as fault:
            text = f"the request is not possible ({type(fault).__name__})"
            raise ServiceError(href, text, "Check the address and the keys") from None
        stack.callback(answer["Body"].close)
        return answer, stack.pop_all()
    raise AssertionError("unreachable")  # for mypy: an ExitStack could swallow exceptions


def _judged(fault: ClientError, href: str) -> Exception:
    answer = fault.response.get("ResponseMetadata", {})
    status = int(answer.get("HTTPStatusCode", 0))
    text = f"answers {status} {fault.response.get('Error', {}).get('Code', '')}".rstrip()
    if status in RETRIED:
        after = waiting.retry_after(answer.get("HTTPHeaders", {}).get("retry-after"))
        return waiting.TryAgain(href, text, after)
    if status in (404, 410):
        return Gone(href, text, "Search again: `mmaq acquire plan` makes a new manifest")
    if status in (401, 403):
        return Refused(href, text, "Check the keys of the object store; they expire")
    if status in (412, 416):
        return Changed(href, "the file changed at the store", AGAIN)
    return ServiceError(href, text, "Check what was asked for, or try again later")


@lru_cache(maxsize=8)
def _store(service: Service, patience: float) -> Any:
    """The store's client; boto3's clients may be shared between threads."""
    options: dict[str, Any] = {
        "s3": {"addressing_style": "path"},
        "retries": {"total_max_attempts": 1},  # MMAQ counts its own attempts
        "connect_timeout": min(CONNECT, patience),
        "read_timeout": patience,
        "response_checksum_validation": "when_required",
        "request_checksum_calculation": "when_required",
    }
    keys: dict[str, str] = {}
    if service.credentials == "none":
        options["signature_version"] = botocore.UNSIGNED
    else:
        account = credentials(service.credentials, service.host)
        keys = {"aws_access_key_id": account.user, "aws_secret_access_key": account.secret}
    session = boto3.session.Session(region_name="default", **keys)
    return session.client("s3", endpoint_url=service.url, config=Config(**options))
