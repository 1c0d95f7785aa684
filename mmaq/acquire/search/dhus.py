"""Searches of DHuS mirrors by sentinelsat, an optional backend with limits.

Copernicus closed its own hub in 2023, so a mirror's address has to be given
(acquire.endpoints.dhus). sentinelsat is not developed on and does not speak to the Data Space
(its README); a mirror holds only its own area and months; what it has moved to its long-term
archive is left out, because ordering it takes hours; size and MD5 cost one request a product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from sentinelsat import SentinelAPI, UnauthorizedError
from sentinelsat.exceptions import SentinelAPIError
from shapely import from_wkt
from shapely.errors import ShapelyError
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry
from urllib3 import Retry

from mmaq.acquire.manifest import LeftOut
from mmaq.acquire.search.items import span, unsigned
from mmaq.acquire.services.auth import credentials
from mmaq.acquire.services.client import CONNECT, certificates
from mmaq.acquire.services.download import RemoteFile
from mmaq.acquire.services.endpoints import SERVICES, Service
from mmaq.acquire.services.limits import retry_after
from mmaq.base.errors import ServiceError
from mmaq.config.data import Period


class _Tries(Retry):
    """Waits as long as the hub asks for, and no longer than for any other service."""

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds that an answer asks to wait, None where it does not say."""
        return retry_after(response.headers.get("Retry-After"))


TRIES = _Tries(
    total=6, backoff_factor=1.0, status_forcelist=(429, 500, 502, 503, 504),
    respect_retry_after_header=True, raise_on_status=False,
)  # fmt: skip

TIMEOUT = (CONNECT, 60.0)
"""Seconds until a connection must stand, and that may pass without a byte."""

REMEDY = "Try another mirror (acquire.endpoints.dhus), or another provider"


class _Impatient(HTTPAdapter):
    """Gives a silent hub up: sentinelsat sets a timeout at its session, which requests ignores."""

    def send(self, *sent: Any, **settings: Any) -> requests.Response:
        """Send a request, as HTTPAdapter does."""
        settings["timeout"] = settings.get("timeout") or TIMEOUT
        return super().send(*sent, **settings)


@dataclass(frozen=True)
class HubProduct:
    """A product of a hub: id without suffix, footprint in degrees, cloud cover in percent."""

    id: str
    remote: RemoteFile
    footprint: BaseGeometry
    cloud: float | None


def query_hub(
    hub: Service, bbox: tuple[float, float, float, float], period: Period, terms: Mapping[str, Any]
) -> Iterator[HubProduct | LeftOut]:
    """Products that meet ``bbox`` and begin in the period; ``terms`` as DHuS's keywords.

    DHuS counts the first moment after the period to it.

    Raises:
        ServiceError: no mirror or account is given, the hub cannot be reached or refuses, or it
            lists fewer products than it says it has.
    """
    where = hub.where
    if hub.url == SERVICES["dhus"].url:
        raise ServiceError(where, "this hub was closed in 2023", REMEDY)
    account = credentials("dhus", hub.host)
    hub_api = SentinelAPI(account.user, account.secret, hub.url, show_progressbars=False)
    for scheme in ("http://", "https://"):
        hub_api.session.mount(scheme, _Impatient(max_retries=TRIES))
    # By itself requests would send .netrc's ``default`` entry to whatever host a hub redirects to.
    hub_api.session.trust_env = False
    hub_api.session.proxies.update(get_environ_proxies(hub.url))
    hub_api.session.verify = certificates() or True
    try:
        yield from _query(hub_api, where, bbox, period, terms)
    except UnauthorizedError:
        fault, remedy = "refuses the account", "Set DHUS_USERNAME and DHUS_PASSWORD for this mirror"
        raise ServiceError(where, fault, remedy) from None
    except SentinelAPIError as fault:
        raise ServiceError(
            where, f"answers with a fault ({type(fault).__name__})", REMEDY
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        told = f"answers with what is no list of a DHuS ({type(fault).__name__})"
        raise ServiceError(where, told, REMEDY) from None
    except requests.RequestException as fault:
        # Its message holds the whole address, query and all.
        raise ServiceError(where, f"cannot be reached ({type(fault).__name__})", REMEDY) from None
    finally:
        hub_api.session.close()


def _query(
    hub_api: SentinelAPI,
    where: str,
    bbox: tuple[float, float, float, float],
    period: Period,
    terms: Mapping[str, Any],
) -> Iterator[HubProduct | LeftOut]:
    question = {"area": box(*bbox).wkt, "date": span(period), **terms}
    there = hub_api.count(**question)
    found = hub_api.query(**question)
    if len(found) != there:
        fault = f"lists {len(found)} products where it says it has {there}: a page repeats"
        raise ServiceError(where, fault, REMEDY)
    for uuid, stated in found.items():
        yield _product(hub_api, uuid, stated)


def _product(hub_api: SentinelAPI, uuid: str, stated: Mapping[str, Any]) -> HubProduct | LeftOut:
    name = str(stated["title"]).removesuffix(".SAFE").removesuffix(".nc")
    try:
        place = from_wkt(str(stated.get("footprint", "")))
    except ShapelyError:
        return LeftOut(id=name, reason="the hub gives it no footprint")
    details = hub_api.get_product_odata(uuid)
    if not details["Online"]:
        return LeftOut(id=name, reason="it is in the hub's long-term archive, not online")
    remote = RemoteFile(
        href=unsigned(f"{hub_api.api_url}odata/v1/Products('{uuid}')/$value"),
        bytes=details["size"], md5=str(details["md5"]).lower() if "md5" in details else None,
    )  # fmt: skip
    cloud = stated.get("cloudcoverpercentage")
    return HubProduct(name, remote, place, None if cloud is None else float(cloud))
