"""Whole Sentinel-2 products: downloaded, unpacked, and catalogued as a user's own files are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from tqdm import tqdm

from mmaq.acquire.failures import Failures
from mmaq.acquire.fetch.collection import has_item
from mmaq.acquire.fetch.remote import Remote, unpack_verified
from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.threads import side_by_side
from mmaq.archive import SENTINEL2, write_item
from mmaq.errors import MmaqError, ProductError
from mmaq.files import sha256

PRODUCT = "product"
"""The file of a product that comes as one archive; others come file by file."""


def fetch_products(
    manifest: Manifest, archive: Path, remote: Remote, failures: Failures
) -> list[str]:
    """Fetch every product that is not complete; the ids of those in the archive."""
    ids = [product.id for product in manifest.products]
    wanted = [
        product for product in manifest.products if not has_item(archive, SENTINEL2, product.id)
    ]
    size = sum(file.bytes or 0 for product in wanted for file in product.files.values())
    with tqdm(total=size or None, desc="products", unit="B", unit_scale=True, disable=None) as bar:
        fetch = partial(_fetch, archive=archive, remote=remote, bar=bar)
        for product, result in side_by_side(fetch, wanted, remote.threads):
            if isinstance(result, MmaqError):
                failures.add(product.id, result)
    return [name for name in ids if has_item(archive, SENTINEL2, name)]


def _fetch(product: RemoteProduct, archive: Path, remote: Remote, bar: tqdm) -> None:
    folder = archive / SENTINEL2 / product.id
    parts = remote.cache / product.id
    if not folder.exists():
        _bring(product, parts, folder, remote, bar)
    try:
        scenes = find_scenes(folder)
        if len(scenes) != 1:
            fault = f"holds {len(scenes)} scenes, not one"
            raise ProductError(product.id, fault, "Leave it out of the manifest")
    except MmaqError:
        shutil.rmtree(folder)  # the next run fetches it again
        raise
    assets = {
        name: replace(asset, sha256=sha256(asset.path)) for name, asset in scenes[0].assets.items()
    }
    write_item(archive, replace(scenes[0], id=product.id, assets=assets))
    remote.forget(product.id)


def _bring(product: RemoteProduct, parts: Path, folder: Path, remote: Remote, bar: tqdm) -> None:
    """Download a product and put it at ``folder`` as a whole."""
    if PRODUCT in product.files:
        path = parts / f"{product.id}.zip"
        remote.fetch(product, PRODUCT, path, bar.update)
        unpack_verified(product.files[PRODUCT], path, folder)
        path.unlink()
        return
    scene = parts / product.id
    for name, file in product.files.items():
        remote.fetch(
            product, name, scene / PurePosixPath(urlsplit(file.href).path).name, bar.update
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    scene.replace(folder)
