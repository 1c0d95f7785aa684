"""The raw archive (contract 1) over files that the user already has, which stay where they are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from os import PathLike
from pathlib import Path

from tqdm import tqdm

from mmaq.acquire.files.ancillary import find_ancillary
from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.acquire.files.sentinel5p import find_granules
from mmaq.acquire.files.tables import find_stations, find_unlabelled
from mmaq.archive import ANCILLARY, SENTINEL2, SENTINEL5P, STATIONS, Product, write_collection
from mmaq.config.data import Files
from mmaq.errors import ArchiveError
from mmaq.files import replacing, sha256

log = logging.getLogger(__name__)


def catalogue(config: Files, root: str | PathLike[str]) -> None:
    """Search the folders of ``config`` and write a catalogue of what they hold to ``root``.

    Nothing is copied: assets are absolute paths with their SHA-256. A folder that is not given
    makes no collection. An older archive at ``root`` is replaced as a whole.

    Raises:
        ArchiveError: a folder or a file is missing, or a folder holds no such product.
        ProductError: a product cannot be read as what its name says.
    """
    found: dict[str, list[Product]] = {}
    searches: list[tuple[str, str | None, Callable[[Path], list[Product]]]] = [
        (SENTINEL2, config.sentinel2, find_scenes),
        (SENTINEL5P, config.sentinel5p, find_granules),
        (ANCILLARY, config.ancillary, find_ancillary),
        (STATIONS, config.stations, find_stations),
    ]
    for name, folder, search in searches:
        if folder is not None:
            found[name] = search(_folder(folder, Path(root)))
    if config.unlabelled is not None:
        found.setdefault(STATIONS, []).append(find_unlabelled(Path(config.unlabelled)))
    products = [product for part in found.values() for product in part]
    progress = tqdm(products, desc="checksums", disable=None)
    checked = {(item.collection, item.id): _with_checksums(item) for item in progress}
    with replacing(root) as temporary:
        for name, part in found.items():
            about = f"{name}: files of the user"
            write_collection(temporary, name, about, [checked[name, item.id] for item in part])
    counts = ", ".join(f"{len(part)} in {name}" for name, part in found.items())
    log.info("%s: products: %s", root, counts or "none")


def _folder(folder: str, root: Path) -> Path:
    path = Path(folder).resolve()
    if not path.is_dir():
        raise ArchiveError(folder, "the folder does not exist", "Correct its path in `files`")
    if path.is_relative_to(root.resolve()):
        fault = f"lies inside the archive {root}, which is about to be replaced"
        raise ArchiveError(folder, fault, "Keep your files outside it")
    return path


def _with_checksums(product: Product) -> Product:
    assets = {
        name: replace(asset, sha256=sha256(asset.path)) for name, asset in product.assets.items()
    }
    return replace(product, assets=assets)
