"""A manifest's files at their service: signed where it must be, looked up again when they moved."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock
from typing import TypeVar
from urllib.parse import quote

from rasterio import DatasetReader

from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.search.items import read_or_leave
from mmaq.acquire.search.scenes import Scene, read_scene
from mmaq.acquire.search.sentinel2 import COLLECTIONS
from mmaq.acquire.search.stac import stac_service
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.cogs import read_raster
from mmaq.acquire.services.download import RemoteFile, fetch_file
from mmaq.acquire.services.endpoints import service
from mmaq.acquire.services.faults import Gone, Refused, plain
from mmaq.base.errors import ProductError, ServiceError
from mmaq.contracts.archive import SENTINEL2, SENTINEL5P

REMEDY = "Search again, for the manifest is older than the catalogue"

NAME = re.compile(r"\w[\w.-]*")
SIGNED = {SENTINEL2: "sentinel-2-l2a", SENTINEL5P: "sentinel-5p-l2-netcdf"}
"""The Planetary Computer's own names of the collections whose files it signs."""

SPARE = timedelta(minutes=2)
"""A token is renewed this long before it ends, so that no request outlives it."""

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Remote:
    """The files of one manifest; safe between threads; a context manager.

    ``cache`` keeps what came of each product, until ``forget``. ``threads`` is how many are of use:
    ``workers``, but no more than the service has connections.

    Raises:
        ServiceError: an id in the manifest could not be the name of a file.
    """

    def __init__(
        self, manifest: Manifest, endpoints: Mapping[str, str], cache: Path, workers: int
    ) -> None:
        for product in manifest.products:
            if not all(NAME.fullmatch(name) for name in (product.id, *product.files)):
                fault = f"the product {product.id!r} or one of its files has no plain name"
                raise ServiceError(manifest.service, fault, "Search again")
        self.manifest, self.endpoints, self.cache = manifest, endpoints, cache
        hrefs = (file.href for product in manifest.products for file in product.files.values())
        store = manifest.service == "cdse" and any(href.startswith("s3:") for href in hrefs)
        name = "cdse-s3" if store else manifest.service
        self.client = Client(service(name, endpoints))
        self.threads = max(1, min(workers, self.client.service.connections))
        self._sign: Signer | None = None
        if manifest.service == "planetary-computer":
            self._sign = Signer(self.client, SIGNED[manifest.collection])

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def read(
        self, product: RemoteProduct, name: str, use: Callable[[DatasetReader], Result]
    ) -> Result:
        """What ``use`` makes of the raster ``name`` of a product; as ``read_raster``."""
        return self._asked(product, name, lambda file: read_raster(self.client, file.href, use))

    def fetch(
        self, product: RemoteProduct, name: str, path: Path, progress: Callable[[int], None]
    ) -> str:
        """Download the file ``name`` of a product; as ``fetch_file``, which returns its SHA-256."""
        return self._asked(
            product, name, lambda file: fetch_file(self.client, file, path, progress)
        )

    def forget(self, product: str) -> None:
        """Remove what is kept of a product's files."""
        shutil.rmtree(self.cache / product, ignore_errors=True)

    def _asked(
        self, product: RemoteProduct, name: str, act: Callable[[RemoteFile], Result]
    ) -> Result:
        """``act`` on a file as it is signed now; where it has moved, on where it is today."""
        if name not in product.files:
            remedy = "Search again, or leave the scene out of the manifest"
            raise ProductError(product.id, f"the manifest names no file {name}", remedy)
        file = product.files[name]
        try:
            return self._signed(file, act)
        except Gone:
            href = self._moved(product, name)
            return self._signed(file.model_copy(update={"href": href}), act)

    def _signed(self, file: RemoteFile, act: Callable[[RemoteFile], Result]) -> Result:
        if self._sign is None:
            return act(file)
        try:
            return act(file.model_copy(update={"href": self._sign(file.href)}))
        except Refused:  # it outlasted its signature
            return act(file.model_copy(update={"href": self._sign(file.href)}))

    def _moved(self, product: RemoteProduct, name: str) -> str:
        old = product.files[name].href
        new = present_address(self.endpoints, self.manifest, product, name)
        log.warning("%s: %s moved from %s to %s", product.id, name, plain(old), plain(new))
        return new


def present_address(
    endpoints: Mapping[str, str], manifest: Manifest, product: RemoteProduct, name: str
) -> str:
    """Where the catalogue of a mirror has the file ``name`` of a scene today.

    Raises:
        ServiceError: it has no other address for it, or cannot be asked.
    """
    old = product.files[name].href
    collection = COLLECTIONS.get(manifest.service)
    if collection is None or manifest.collection != SENTINEL2:
        fault = f"{name} of {product.id} is gone from {plain(old)}"
        raise ServiceError(manifest.service, fault, REMEDY)
    with Client(stac_service(manifest.service, endpoints)) as client:
        url = f"{client.service.url}/collections/{collection}/items/{quote(product.id, safe='')}"
        try:
            item = client.get_json(url)
        except Gone:
            fault = f"{product.id} was taken out of the catalogue, with its file {name}"
            raise ServiceError(manifest.service, fault, REMEDY) from None
    if not isinstance(item, dict) or item.get("id") != product.id:
        raise ServiceError(manifest.service, f"{url} is not the item of {product.id}", REMEDY)
    scene = read_or_leave(read_scene, item, "id")
    if not isinstance(scene, Scene) or scene.product.files[name].href == old:
        fault = f"{name} of {product.id} is gone from {plain(old)}, and its item tells no other"
        raise ServiceError(manifest.service, f"{fault} address", REMEDY)
    return scene.product.files[name].href


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
