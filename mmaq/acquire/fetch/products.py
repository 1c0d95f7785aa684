"""How a product enters the archive: its files, then its item, at the end the collection over all.

A product is downloaded, unpacked where it comes as a zip, and catalogued as a user's own files are.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Lock
from urllib.parse import urlsplit

from tqdm import tqdm

from mmaq.acquire.failures import Failures
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.acquire.files.sentinel5p import granule_product
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.services.download import Progress, RemoteFile
from mmaq.acquire.services.unpack import unpack_zip
from mmaq.base.errors import ArchiveError, MmaqError, ProductError, ServiceError
from mmaq.base.files import sha256
from mmaq.contracts.archive import (
    SENTINEL2,
    SENTINEL5P,
    Asset,
    Product,
    read_item,
    write_collection,
    write_item,
)
from mmaq.sentinel5p.granule import SUFFIXES

PRODUCT = "product"
"""The file of a product that comes as one; others come file by file."""

ZIP = b"PK\x03\x04"
"""The first bytes of a zip."""

READING = Lock()
"""The NetCDF library bears one thread at a time."""

REMEDY = "Leave it out of the manifest"

log = logging.getLogger(__name__)


def fetch_products(
    manifest: Manifest, archive: Path, remote: Remote, failures: Failures
) -> list[str]:
    """Fetch every product that is not complete; the ids of those in the archive.

    Each product's item, with checksums, follows its files at once.
    """
    name = manifest.collection
    wanted = [each for each in manifest.products if not has_item(archive, name, each.id)]
    fetch = _fetch_scene if name == SENTINEL2 else _fetch_granule
    with byte_bar(wanted, name) as bar:
        one = partial(fetch, archive=archive, remote=remote, progress=bar.update)
        for _ in failures.side_by_side(one, wanted, remote.threads):
            pass  # what it makes is in the archive
    return [each.id for each in manifest.products if has_item(archive, name, each.id)]


def byte_bar(products: Sequence[RemoteProduct], what: str) -> tqdm:
    """A bar over the bytes of products, as far as their sizes are known."""
    size = sum(file.bytes or 0 for product in products for file in product.files.values())
    return tqdm(total=size or None, desc=what, unit="B", unit_scale=True, disable=None)


def _fetch_granule(
    product: RemoteProduct, archive: Path, remote: Remote, progress: Progress
) -> None:
    path = archive / SENTINEL5P / product.id / f"{product.id}.nc"
    checksum = bring_granule(product, path, remote, progress)
    granule = checked_granule(product, path)
    assets = {PRODUCT: Asset(path, (), checksum)}
    write_item(archive, replace(granule, id=product.id, assets=assets))


def bring_granule(product: RemoteProduct, path: Path, remote: Remote, progress: Progress) -> str:
    """Have a granule at ``path``, which holds it whole or not at all; returns its SHA-256.

    The Data Space hands out granules plain or as a zip with a NetCDF file in it, by their age.

    Raises:
        ServiceError: it cannot be had. ProductError: the zip holds no granule.
    """
    if path.exists():
        return sha256(path)
    name = next(iter(product.files))
    parts = remote.cache / product.id
    file = parts / f"{product.id}.download"
    checksum = remote.fetch(product, name, file, progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "rb") as stream:
        zipped = stream.read(len(ZIP)) == ZIP
    if zipped:
        members = _unpack(product.files[name], file, parts / "unpacked")
        granules = [member for member in members if member.suffix.lower() in SUFFIXES]
        if len(granules) != 1:
            fault = f"the archive holds {len(granules)} NetCDF files, not one"
            raise ProductError(product.id, fault, REMEDY)
        file, checksum = granules[0], sha256(granules[0])
    os.replace(file, path)
    remote.forget(product.id)
    return checksum


def checked_granule(product: RemoteProduct, path: Path) -> Product:
    """A granule that came, as it is catalogued; what is none is removed.

    Raises:
        ProductError: it cannot be opened, or is no NO2 granule.
    """

    def read() -> Product:
        with READING:
            granule = granule_product(path)
        if granule is None:
            raise ProductError(product.id, "what came is no Sentinel-5P NO2 granule", REMEDY)
        return granule

    return _read_or_remove(path, read)


def _fetch_scene(product: RemoteProduct, archive: Path, remote: Remote, progress: Progress) -> None:
    folder, parts = archive / SENTINEL2 / product.id, remote.cache / product.id
    if folder.exists():
        pass  # whole: it was put there at once, and lacks its item
    elif PRODUCT in product.files:
        path = parts / f"{product.id}.zip"
        remote.fetch(product, PRODUCT, path, progress)
        _unpack(product.files[PRODUCT], path, folder)
        path.unlink()
    else:
        for name, file in product.files.items():
            path = parts / product.id / PurePosixPath(urlsplit(file.href).path).name
            remote.fetch(product, name, path, progress)
        folder.parent.mkdir(parents=True, exist_ok=True)
        os.replace(parts / product.id, folder)

    def read() -> Product:
        scenes = find_scenes(folder)
        if len(scenes) != 1:
            raise ProductError(product.id, f"holds {len(scenes)} scenes, not one", REMEDY)
        return scenes[0]

    scene = _read_or_remove(folder, read)
    assets = {
        name: replace(asset, sha256=sha256(asset.path)) for name, asset in scene.assets.items()
    }
    write_item(archive, replace(scene, id=product.id, assets=assets))
    remote.forget(product.id)


def _read_or_remove(path: Path, read: Callable[[], Product]) -> Product:
    """What came, as it is catalogued; what is no product is removed: the next run fetches it."""
    try:
        return read()
    except MmaqError:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def _unpack(remote: RemoteFile, archive: Path, folder: Path) -> list[Path]:
    """Unpack a downloaded zip as ``folder``; as ``unpack_zip``.

    Of a broken zip without a checksum nobody knows whether it is so at the service: it is removed,
    so that the next run fetches it again.
    """
    try:
        return unpack_zip(archive, folder)
    except ServiceError:
        if not remote.verifiable:
            archive.unlink()
        raise


def has_item(archive: Path, collection: str, product: str) -> bool:
    """Whether a product is complete: its item, written after its files, and the files."""
    try:
        item = read_item(archive, collection, product)
    except ArchiveError:
        return False
    return all(asset.path.exists() for asset in item.assets.values())


def close_collection(
    archive: Path, collection: str, manifest: Manifest, done: Sequence[str]
) -> None:
    """Write ``collection.json`` over the complete products and remove what is none of them."""
    folder = archive / collection
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.is_dir() and path.name not in done:
            shutil.rmtree(path)
    items = [read_item(archive, collection, product) for product in done]
    write_collection(archive, collection, f"{collection}, from {manifest.service}", items)
    log.info("%s: %d products of %d in the manifest", folder, len(done), len(manifest.products))
