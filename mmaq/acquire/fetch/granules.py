"""The Sentinel-5P collection of the archive: granules downloaded, verified and catalogued."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock

from tqdm import tqdm

from mmaq.acquire.failures import Failures
from mmaq.acquire.fetch.collection import close_collection, has_item
from mmaq.acquire.fetch.remote import Remote, unpack_verified
from mmaq.acquire.files.sentinel5p import granule_product
from mmaq.acquire.manifest import RemoteProduct, read_manifest
from mmaq.acquire.threads import side_by_side
from mmaq.archive import SENTINEL5P, Asset, write_item
from mmaq.config.acquire import Acquire
from mmaq.errors import MmaqError, ProductError
from mmaq.files import sha256

ZIP = b"PK\x03\x04"
READING = Lock()
"""The NetCDF library bears one thread at a time."""


def fetch_granules(manifest_path: Path, config: Acquire, archive: Path, workers: int) -> None:
    """Fetch the granules of the manifest and write the collection; goes on where a run stopped.

    Each granule's item, with its SHA-256, follows its file at once. Products that fail are listed
    beside the manifest.

    Raises:
        ServiceError: more products failed than ``config.missing`` allows; what is complete stays.
        ArchiveError: the manifest cannot be read.
    """
    manifest = read_manifest(manifest_path)
    failures = Failures(manifest_path, SENTINEL5P, len(manifest.products), config.missing)
    ids = [product.id for product in manifest.products]
    wanted = [
        product for product in manifest.products if not has_item(archive, SENTINEL5P, product.id)
    ]
    cache = archive.parent / "acquire_cache" / SENTINEL5P
    with (
        Remote(manifest, config.endpoints, cache, workers) as remote,
        byte_bar(wanted, "granules") as bar,
    ):
        fetch = partial(_fetch, archive=archive, remote=remote, progress=bar.update)
        for product, result in side_by_side(fetch, wanted, remote.threads):
            if isinstance(result, MmaqError):
                failures.add(product.id, result)
    failures.settle()
    done = [name for name in ids if has_item(archive, SENTINEL5P, name)]
    close_collection(archive, SENTINEL5P, manifest, done)
    shutil.rmtree(cache, ignore_errors=True)


def bring_granule(
    product: RemoteProduct, path: Path, remote: Remote, progress: Callable[[int], None]
) -> str:
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
        members = unpack_verified(product.files[name], file, parts / "unpacked")
        granules = [member for member in members if member.suffix == ".nc"]
        if len(granules) != 1:
            fault = f"the archive holds {len(granules)} NetCDF files, not one"
            raise ProductError(product.id, fault, "Leave it out of the manifest")
        file, checksum = granules[0], sha256(granules[0])
    os.replace(file, path)
    remote.forget(product.id)
    return checksum


def byte_bar(products: list[RemoteProduct], what: str) -> tqdm:
    """A bar over the bytes of products, as far as their sizes are known."""
    size = sum(file.bytes or 0 for product in products for file in product.files.values())
    return tqdm(total=size or None, desc=what, unit="B", unit_scale=True, disable=None)


def _fetch(
    product: RemoteProduct, archive: Path, remote: Remote, progress: Callable[[int], None]
) -> None:
    path = archive / SENTINEL5P / product.id / f"{product.id}.nc"
    checksum = bring_granule(product, path, remote, progress)
    try:
        with READING:
            granule = granule_product(path)
        if granule is None:
            fault = "what came is no Sentinel-5P NO2 granule"
            raise ProductError(product.id, fault, "Leave it out of the manifest")
    except MmaqError:
        path.unlink()  # the next run fetches it again
        raise
    write_item(archive, replace(granule, assets={"product": Asset(path, (), checksum)}))
