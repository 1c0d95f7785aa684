"""Granules gridded as they come and dropped, so that years of a continent need no large disk."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

from mmaq.acquire.failures import Failures
from mmaq.acquire.fetch.granules import bring_granule, byte_bar
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.manifest import RemoteProduct, read_manifest
from mmaq.acquire.threads import side_by_side
from mmaq.archive import SENTINEL5P, Asset
from mmaq.config.acquire import Acquire
from mmaq.config.data import Grid
from mmaq.errors import MmaqError
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.stream import accumulate
from mmaq.sentinel5p.sums import resume_sums, write_sums

log = logging.getLogger(__name__)


def grid_and_drop(
    manifest_path: Path,
    config: Acquire,
    grid: Grid,
    start: date,
    end: date,
    out: Path,
    folder: Path,
    workers: int,
) -> None:
    """Sum the manifest's granules of the days ``start`` to ``end``, both included, into ``out``.

    ``out`` is the part that ``grid_part`` would make of the same granules. At most a dozen of
    them lie in ``folder`` at a time; a granule goes when sums that hold it are on disk there. A
    stopped run goes on from those. A broken granule is left out, as in ``grid_part``.

    Raises:
        ServiceError: more products failed than ``config.missing`` allows; the sums so far stay in
            ``folder``. ProductError: ``grid.strict``, and a granule is broken.
    """
    manifest = read_manifest(manifest_path)
    asked = [product for product in manifest.products if start <= product.time.date() <= end]
    name = f"{SENTINEL5P}_{out.stem}"
    failures = Failures(manifest_path, name, len(asked), config.missing)
    unfinished = folder / f"{out.stem}.nc"
    known = {product.id for product in asked}
    begun = unfinished if unfinished.exists() else out
    sums = resume_sums(begun, grid, lambda granule: granule.name in known)
    done = {granule.name for granule in sums.granules}
    wanted = [product for product in asked if product.id not in done]
    if not wanted and out.exists() and not unfinished.exists():
        log.info("%s: holds all %d granules already", out, len(done))
        return
    sums.broken.clear()
    with (
        Remote(manifest, config.endpoints, folder / "parts", workers) as remote,
        byte_bar(wanted, f"granules of {out.stem}") as bar,
    ):
        bring = partial(_bring, folder=folder, remote=remote, progress=bar.update)
        batch: list[Asset] = []
        for product, result in side_by_side(bring, wanted, remote.threads):
            if isinstance(result, MmaqError):
                failures.add(product.id, result)
            else:
                batch.append(result)
            if len(batch) == remote.threads:
                _add(batch, sums, grid, unfinished, workers)
        _add(batch, sums, grid, unfinished, workers)
    failures.settle()
    out.parent.mkdir(parents=True, exist_ok=True)
    os.replace(unfinished, out)
    log.info("%s: %d granules of %d", out, len(sums.granules), len(asked))


def _bring(
    product: RemoteProduct, folder: Path, remote: Remote, progress: Callable[[int], None]
) -> Asset:
    path = folder / f"{product.id}.nc"
    return Asset(path, (), bring_granule(product, path, remote, progress))


def _add(batch: list[Asset], sums: Accumulator, grid: Grid, out: Path, workers: int) -> None:
    """Add a batch, write the sums, then drop the files and empty the batch."""
    accumulate(batch, grid, sums, workers)
    write_sums(out, sums, grid)
    for asset in batch:
        asset.path.unlink()
    batch.clear()
