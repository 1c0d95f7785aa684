"""A manifest's files at their service: signed where it must be, looked up again when they moved."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.search.scenes import Scene, read_scene
from mmaq.acquire.search.sentinel2 import COLLECTIONS
from mmaq.acquire.search.stac import stac_service
from mmaq.base.errors import ProductError, ServiceError
from mmaq.contracts.archive import SENTINEL2, SENTINEL5P
from mmaq.services.client import Client
from mmaq.services.download import fetch_file
from mmaq.services.endpoints import service
from mmaq.services.faults import Gone, Refused, plain
from mmaq.services.ranges import RangeCache, unsigned
from mmaq.services.remote_file import RemoteFile
from mmaq.services.unpack import unpack_zip

REMEDY = "Search again, for the manifest is older than the catalogue"

NAME = re.compile(r"\w[\w.-]*")
SIGNED = {SENTINEL2: "sentinel-2-l2a", SENTINEL5P: "sentinel-5p-l2-netcdf"}
"""The Planetary Computer's own names of the collections whose files it signs."""

SPARE = timedelta(minutes=2)
"""A token is renewed this long before it ends, so that no request outlives it."""

log = logging.getLogger(__name__)


class Remote:
    """The files of one manifest; safe between threads; a context manager.

    ``cache`` keeps the ranges that were read of each file, until ``forget``. ``threads`` is how
    many are of use: ``workers``, but no more than the service has connections.

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
        self._sign: Callable[[str], str] = unsigned
        if manifest.service == "planetary-computer":
            self._sign = Signer(self.client, SIGNED[manifest.collection])
        self._files: dict[tuple[str, str], RangeCache] = {}
        self._lock = Lock()

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def file(self, product: RemoteProduct, name: str) -> RangeCache:
        """The file ``name`` of a product, to be read in ranges.

        One object a file, so that two threads never fetch the same range.

        Raises:
            ProductError: the manifest names no such file.
        """
        if name not in product.files:
            remedy = "Search again, or leave the scene out of the manifest"
            raise ProductError(product.id, f"the manifest names no file {name}", remedy)
        with self._lock:
            if (product.id, name) not in self._files:
                self._files[product.id, name] = RangeCache(
                    self.client,
                    product.files[name].href,
                    self.cache / product.id / name,
                    self._sign,
                    lambda: self._moved(product, name),
                )
            return self._files[product.id, name]

    def fetch(
        self, product: RemoteProduct, name: str, path: Path, progress: Callable[[int], None]
    ) -> str:
        """Download the file ``name`` of a product; as ``fetch_file``, which returns its SHA-256."""
        remote = product.files[name]
        try:
            return self._fetch(remote, path, progress)
        except Gone:
            moved = remote.model_copy(update={"href": self._moved(product, name)})
            return self._fetch(moved, path, progress)

    def forget(self, product: str) -> None:
        """Remove what is kept of a product's files."""
        with self._lock:
            for key in [key for key in self._files if key[0] == product]:
                del self._files[key]
        shutil.rmtree(self.cache / product, ignore_errors=True)

    def _fetch(self, remote: RemoteFile, path: Path, progress: Callable[[int], None]) -> str:
        def signed() -> RemoteFile:
            return remote.model_copy(update={"href": self._sign(remote.href)})

        try:
            return fetch_file(self.client, signed(), path, progress)
        except Refused:
            if self._sign is unsigned:
                raise
            return fetch_file(self.client, signed(), path, progress)  # it outlasted its signature

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
    scene = read_scene(item)
    if not isinstance(scene, Scene) or scene.product.files[name].href == old:
        fault = f"{name} of {product.id} is gone from {plain(old)}, and its item tells no other"
        raise ServiceError(manifest.service, f"{fault} address", REMEDY)
    return scene.product.files[name].href


def unpack_verified(remote: RemoteFile, archive: Path, folder: Path) -> list[Path]:
    """Unpack a downloaded zip as ``folder``; as ``unpack_zip``.

    Of a broken zip without a checksum nobody knows whether it is so at the service: it is removed,
    so that the next run fetches it again.
    """
    try:
        return unpack_zip(archive, folder)
    except ServiceError:
        if not (remote.md5 or remote.blake3 or remote.sha256):
            archive.unlink()
        raise


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
