"""Items are written one by one as their files are complete; the collection closes over them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from mmaq.acquire.manifest import Manifest
from mmaq.archive import read_item, write_collection
from mmaq.errors import ArchiveError

log = logging.getLogger(__name__)


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
