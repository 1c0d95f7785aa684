"""How a product enters the archive: its files, then its item, at the end the collection over all.

Whole Sentinel-2 products are downloaded, unpacked, and catalogued as a user's own files are.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from tqdm import tqdm

from mmaq.acquire.failures import Failures, side_by_side
from mmaq.acquire.fetch.remote import Remote, unpack_verified
from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.base.errors import ArchiveError, MmaqError, ProductError
from mmaq.base.files import sha256
from mmaq.contracts.archive import SENTINEL2, read_item, write_collection, write_item

PRODUCT = "product"
"""The file of a product that comes as one archive; others come file by file."""

log = logging.getLogger(__name__)


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
