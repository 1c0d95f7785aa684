"""A manifest's files at their service: signed where it must be, looked up again when they moved."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TypeVar

import rasterio

from mmaq.acquire.fetch.moved import present_address
from mmaq.acquire.fetch.signing import Signer
from mmaq.acquire.manifest import Manifest, RemoteFile, RemoteProduct
from mmaq.archive import SENTINEL2, SENTINEL5P
from mmaq.errors import ProductError, ServiceError
from mmaq.services.client import Client
from mmaq.services.download import fetch_file
from mmaq.services.endpoints import service
from mmaq.services.faults import Changed, Gone, Refused, Unreadable, plain
from mmaq.services.ranges import RangeCache, unsigned
from mmaq.services.rasters import open_raster
from mmaq.services.unpack import unpack_zip

Result = TypeVar("Result")
NAME = re.compile(r"\w[\w.-]*")
SIGNED = {SENTINEL2: "sentinel-2-l2a", SENTINEL5P: "sentinel-5p-l2-netcdf"}
"""The Planetary Computer's own names of the collections whose files it signs."""

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

    def read(
        self, product: RemoteProduct, name: str, use: Callable[[rasterio.DatasetReader], Result]
    ) -> Result:
        """What ``use`` makes of the raster ``name`` of a product, opened for reading windows.

        Raises:
            ServiceError: it cannot be had, or is no sound raster; what was kept of it is forgotten
                then, so that the next run reads it anew.
        """
        try:
            return self._read(product, name, use)
        except Changed:
            return self._read(product, name, use)  # what was kept of the other file is gone

    def _read(
        self, product: RemoteProduct, name: str, use: Callable[[rasterio.DatasetReader], Result]
    ) -> Result:
        file = self._file(product, name)
        try:
            with open_raster(file) as raster:
                return use(raster)
        except Unreadable:
            shutil.rmtree(self._folder(product, name), ignore_errors=True)
            with self._lock:
                self._files.pop((product.id, name), None)
            raise

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

    def _file(self, product: RemoteProduct, name: str) -> RangeCache:
        """One object a file, so that two threads never fetch the same range."""
        if name not in product.files:
            remedy = "Search again, or leave the scene out of the manifest"
            raise ProductError(product.id, f"the manifest names no file {name}", remedy)
        with self._lock:
            if (product.id, name) not in self._files:
                self._files[product.id, name] = RangeCache(
                    self.client,
                    product.files[name].href,
                    self._folder(product, name),
                    self._sign,
                    lambda: self._moved(product, name),
                )
            return self._files[product.id, name]

    def _folder(self, product: RemoteProduct, name: str) -> Path:
        return self.cache / product.id / name

    def _moved(self, product: RemoteProduct, name: str) -> str:
        old = product.files[name].href
        new = present_address(self.endpoints, self.manifest, product, name)
        log.warning("%s: %s moved from %s to %s", product.id, name, plain(old), plain(new))
        return new


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
