"""The gridding stage: parts of the period side by side, then their merge; or files by hand."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from tqdm import tqdm

from mmaq.archive import SENTINEL5P, Asset, Product, read_collection
from mmaq.config.data import Grid
from mmaq.errors import ArchiveError, ProductError
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.level3 import write_level3
from mmaq.sentinel5p.reader import read_granule
from mmaq.sentinel5p.sums import read_sums, write_sums

log = logging.getLogger(__name__)


def grid_part(archive: Path, config: Grid, start: date, end: date, out: Path) -> None:
    """Sum the archive's granules of the days ``start`` to ``end``, both included, into ``out``.

    Each granule's checksum is compared with the catalogue's before it is read. Days without a
    granule give a part of zero weight. The first broken granule ends the stage.

    Raises:
        ArchiveError: the collection is missing, or a file differs from its checksum.
        ProductError: a granule cannot be read; see ``read_granule``.
    """
    products = read_collection(archive, SENTINEL5P)
    days = [product for product in products if start <= product.time.date() <= end]
    assets = [_granule_of(product) for product in days]
    sums = _accumulate((_verified(asset) for asset in assets), len(assets), config)
    write_sums(Path(out), sums, config)
    _log_totals(sums, out)


def merge_parts(parts: Sequence[Path], config: Grid, out: Path) -> None:
    """Merge parts into the level-3 mean ``out``. The order in which they are given is ignored.

    Raises:
        ProductError: a part is damaged or made with other settings, a granule is in two parts, or
            no pixel of any part falls on the grid.
    """
    total = Accumulator.empty(RegularGrid.from_config(config))
    for part in sorted(Path(part) for part in parts):
        total.merge(read_sums(part, config))
    _finish(total, config, out)


def grid_files(paths: Sequence[Path], config: Grid, out: Path) -> None:
    """Grid level-2 files into the level-3 mean ``out`` in one go; faults as for the two steps."""
    files = sorted(Path(path) for path in paths)
    _finish(_accumulate(files, len(files), config), config, out)


def _accumulate(files: Iterable[Path], number: int, config: Grid) -> Accumulator:
    sums = Accumulator.empty(RegularGrid.from_config(config))
    for file in tqdm(files, "granules", number, disable=None):
        sums.add(read_granule(file, config.variable, config.qa))
    return sums


def _finish(sums: Accumulator, config: Grid, out: Path) -> None:
    if not sums.used:
        fault = f"none of {sums.pixels} pixels of {len(sums.granules)} granules passes the filter"
        remedy = "Give granules that cross grid.bbox in the period, or lower grid.qa"
        raise ProductError(out, f"{fault} and falls on the grid", remedy)
    _warn_mixed(sums)
    write_level3(Path(out), sums, config)
    _log_totals(sums, out)


def _warn_mixed(sums: Accumulator) -> None:
    for what in ("processor", "collection"):
        versions = sorted({getattr(granule, what) for granule in sums.granules})
        if len(versions) > 1:
            advice = "KNMI advises against mixing them in one mean"
            log.warning("the granules mix %s versions %s: %s", what, ", ".join(versions), advice)


def _log_totals(sums: Accumulator, out: Path) -> None:
    message = "%s: %d granules read; of %d pixels %d used, %d refused for their corners"
    log.info(message, out, len(sums.granules), sums.pixels, sums.used, sums.refused)


def _granule_of(product: Product) -> Asset:
    """The product's only NetCDF file, whatever the catalogue calls it."""
    found = [asset for asset in product.assets.values() if asset.path.suffix == ".nc"]
    if len(found) != 1:
        fault = f"the product has {len(found)} NetCDF assets, not one"
        raise ArchiveError(product.id, fault, "Catalogue one granule an item")
    return found[0]


def _verified(asset: Asset) -> Path:
    asset.verify()
    return asset.path
