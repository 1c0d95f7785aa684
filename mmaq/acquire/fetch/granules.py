"""One Sentinel-5P granule: downloaded, unpacked where it comes as a zip, checked, catalogued."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock

from tqdm import tqdm

from mmaq.acquire.fetch.remote import Remote, unpack_verified
from mmaq.acquire.files.sentinel5p import granule_product
from mmaq.acquire.manifest import RemoteProduct
from mmaq.base.errors import MmaqError, ProductError
from mmaq.base.files import sha256
from mmaq.contracts.archive import SENTINEL5P, Asset, write_item
from mmaq.sentinel5p.granule import SUFFIXES

ZIP = b"PK\x03\x04"
"""The first bytes of a zip."""

READING = Lock()
"""The NetCDF library bears one thread at a time."""


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
        granules = [member for member in members if member.suffix.lower() in SUFFIXES]
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


def fetch_granule(
    product: RemoteProduct, archive: Path, remote: Remote, progress: Callable[[int], None]
) -> None:
    """Have a granule in the archive, its item after its file.

    Raises:
        ServiceError: it cannot be had. ProductError: what came is no NO2 granule.
    """
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
    assets = {"product": Asset(path, (), checksum)}
    write_item(archive, replace(granule, id=product.id, assets=assets))
