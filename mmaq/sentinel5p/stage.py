"""The stages ``grid_part`` and ``grid``: parts of the period side by side, then their merge."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from mmaq.base.errors import ArchiveError
from mmaq.config.data import Grid
from mmaq.contracts.archive import SENTINEL5P, Asset, Product, read_collection
from mmaq.sentinel5p.accumulator import Accumulator, accumulate
from mmaq.sentinel5p.granule import SUFFIXES
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.level3 import finish, log_totals
from mmaq.sentinel5p.sums import read_sums, resume_sums, write_sums

GRANULE = "product"
"""The asset that is the granule, in an archive that `mmaq` made."""

log = logging.getLogger(__name__)


def grid_part(
    *, archive: Path, config: Grid, start: date, end: date, out: Path, workers: int = 1
) -> None:
    """Sum the archive's granules of the days ``start`` to ``end``, both included, into ``out``.

    Goes on from ``out`` where it holds sums of the same version, settings and granules: only new
    granules are read then. Each granule's checksum is compared with the catalogue's before it is
    read. A broken granule is left out and tried again in the next run. Days without a granule
    give a part of zero weight.

    Raises:
        ArchiveError: the collection is missing; or, with ``config.strict``, a file differs from
            its checksum.
        ProductError: with ``config.strict``, a granule cannot be read; see ``read_granule``.
    """
    products = read_collection(archive, SENTINEL5P)
    assets = [_granule_of(each) for each in products if start <= each.time.date() <= end]
    wanted = {asset.sha256 for asset in assets}
    sums = resume_sums(Path(out), config, lambda granule: granule.checksum in wanted)
    done = {granule.checksum for granule in sums.granules}
    new = [asset for asset in assets if asset.sha256 not in done]
    if done and not new and not sums.broken:
        log.info("%s: holds all %d granules already", out, len(done))
        return
    sums.broken.clear()
    accumulate(new, config, sums, workers)
    write_sums(Path(out), sums, config)
    log_totals(sums, out)


def _granule_of(product: Product) -> Asset:
    """The product's only NetCDF file, whatever the catalogue calls it."""
    named = product.assets.get(GRANULE)
    if named is not None:
        return named
    found = [asset for asset in product.assets.values() if asset.path.suffix.lower() in SUFFIXES]
    if len(found) != 1:
        fault = f"the product has {len(found)} NetCDF assets, not one"
        raise ArchiveError(product.id, fault, "Catalogue one granule an item")
    return found[0]


def grid(*, parts: Sequence[Path], config: Grid, out: Path) -> None:
    """Merge parts into the level-3 mean ``out``. The order in which they are given is ignored.

    Raises:
        ProductError: a part is damaged or made with other settings, a granule is in two parts, or
            no pixel of any part falls on the grid.
    """
    total = Accumulator.empty(RegularGrid.from_config(config))
    for part in sorted(Path(part) for part in parts):
        total.merge(read_sums(part, config))
    finish(total, config, out)
