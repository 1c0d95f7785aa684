"""What each rule does to make the raw archive, where the source is ``files`` or ``acquire``.

``acquire`` catalogues files that the user has. ``acquire_plan`` searches the services and freezes
the answers in manifests; each ``fetch_*`` makes one collection of the archive from its manifest
and goes on where a stopped run was. ``grid_and_drop_part`` grids granules as they come and drops
them, so that years of a continent need no large disk.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from mmaq.acquire.failures import Failures
from mmaq.acquire.fetch.products import (
    bring_granule,
    byte_bar,
    checked_granule,
    close_collection,
    fetch_products,
)
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.scenes import WINDOWS, Windows, places_of
from mmaq.acquire.files.ancillary import FILES, UNDATED, find_ancillary
from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.acquire.files.sentinel5p import find_granules
from mmaq.acquire.files.tables import find_stations, find_unlabelled
from mmaq.acquire.ground.maps import ABOUT_MAPS, MAKERS, boxes_of, find_maps, sources_digest
from mmaq.acquire.ground.measurements import (
    ABOUT_STATIONS,
    TABLE,
    copy_table,
    fetch_measurements,
    find_measurements,
    read_places,
    write_unlabelled,
)
from mmaq.acquire.ground.mosaic import Box
from mmaq.acquire.ground.published import fetch_table
from mmaq.acquire.ground.sources import published_tables
from mmaq.acquire.manifest import (
    SITES,
    Manifest,
    RemoteProduct,
    manifest_names,
    read_manifest,
    write_manifest,
)
from mmaq.acquire.search.sentinel2 import search_scenes
from mmaq.acquire.search.sentinel5p import search_granules
from mmaq.acquire.search.sites import all_sites, write_sites_csv
from mmaq.acquire.services.client import Client
from mmaq.acquire.services.endpoints import service
from mmaq.base.errors import ArchiveError, MmaqError
from mmaq.base.files import replacing, sha256, write_json
from mmaq.config.acquire import Acquire
from mmaq.config.data import Files, Grid, Landuse, Patches, Period
from mmaq.contracts.archive import (
    ANCILLARY,
    LEGEND_PROPERTY,
    SENTINEL2,
    SENTINEL5P,
    STATIONS,
    Asset,
    Product,
    write_collection,
)
from mmaq.sentinel5p.accumulator import Accumulator, accumulate
from mmaq.sentinel5p.sums import resume_sums, write_sums

PIXEL_M = 10.0
"""Of a Sentinel-2 patch."""

ASKED = "asked.json"
"""What was searched for, beside the manifests: a changed configuration needs another search. It is
written last, so that where it is missing no search is complete."""

log = logging.getLogger(__name__)


def acquire(*, config: Files, archive: str | PathLike[str]) -> None:
    """Search the folders of ``config`` and write a catalogue of what they hold to ``archive``.

    Nothing is copied: assets are absolute paths with their SHA-256. A folder that is not given
    makes no collection. An older archive there is replaced as a whole.

    Raises:
        ArchiveError: a folder or a file is missing, or a folder holds no such product.
        ProductError: a product cannot be read as what its name says.
    """
    found: dict[str, list[Product]] = {}
    searches: list[tuple[str, str | None, Callable[[Path], list[Product]]]] = [
        (SENTINEL2, config.sentinel2, find_scenes),
        (SENTINEL5P, config.sentinel5p, find_granules),
        (ANCILLARY, config.ancillary, partial(find_ancillary, config=config)),
        (STATIONS, config.stations, find_stations),
    ]
    for name, folder, search in searches:
        if folder is not None:
            found[name] = search(_folder(folder, Path(archive)))
    if config.unlabelled is not None:
        found.setdefault(STATIONS, []).append(find_unlabelled(Path(config.unlabelled)))
    products = [product for part in found.values() for product in part]
    progress = tqdm(products, desc="checksums", disable=None)
    checked = {(item.collection, item.id): _with_checksums(item) for item in progress}
    with replacing(archive) as temporary:
        for name, part in found.items():
            about = f"{name}: files of the user"
            write_collection(temporary, name, about, [checked[name, item.id] for item in part])
    counts = ", ".join(f"{len(part)} in {name}" for name, part in found.items())
    log.info("%s: products: %s", archive, counts or "none")


def _folder(folder: str, archive: Path) -> Path:
    path = Path(folder).resolve()
    if not path.is_dir():
        raise ArchiveError(folder, "the folder does not exist", "Correct its path in `files`")
    if path.is_relative_to(archive.resolve()):
        fault = f"lies inside the archive {archive}, which is about to be replaced"
        raise ArchiveError(folder, fault, "Keep your files outside it")
    return path


def _with_checksums(product: Product) -> Product:
    assets = {
        name: replace(asset, sha256=sha256(asset.path)) for name, asset in product.assets.items()
    }
    return replace(product, assets=assets)


def acquire_plan(
    *,
    config: Acquire,
    period: Period,
    landuse: Landuse,
    patches: Patches,
    areas: Sequence[Box],
    folder: Path,
) -> None:
    """Search all services and write ``<collection>.json`` and ``sites.csv`` to ``folder``.

    Nothing but the frozen station table is written before every search has succeeded. Images are
    searched for the sites; elevation and land cover also for ``areas``, which are to be mapped
    (west, south, east, north in degrees).

    Raises:
        ServiceError: a service cannot be reached, or holds nothing of what was asked for.
        ConfigError, TableError: the sites cannot be what was asked for.
    """
    found: dict[str, Manifest] = {STATIONS: find_measurements(config, period, folder)}
    (folder / ASKED).unlink(missing_ok=True)  # with its station table the older search is gone
    sites = all_sites(config, read_places(folder))
    found[ANCILLARY] = find_maps(config, sites, landuse.radius_m, areas)
    wanted = manifest_names(config)
    if SENTINEL5P in wanted:
        found[SENTINEL5P] = search_granules(config, period)
    if SENTINEL2 in wanted:
        side = patches.s2_size * PIXEL_M
        found[SENTINEL2] = search_scenes(config, period, sites, side)
    write_sites_csv(folder / SITES, sites)
    for name, manifest in found.items():
        write_manifest(folder / f"{name}.json", manifest)
        log.info("%s: %d products, %d left out", name, len(manifest.products),
                 len(manifest.left_out))  # fmt: skip
    write_json(folder / ASKED, settings_of(config, period, landuse, patches, areas))


def settings_of(
    config: Acquire, period: Period, landuse: Landuse, patches: Patches, areas: Sequence[Box]
) -> dict[str, Any]:
    """What the result of a search depends on, but for the services themselves."""
    mapped = {"areas": [list(area) for area in areas]} if areas else {}
    return mapped | {
        "acquire": config.searched(),
        "period": period.model_dump(mode="json"),
        "radius_m": landuse.radius_m,
        "s2_size": patches.s2_size,
    }


def fetch_stations(
    *, manifest: Path, sites: Path, config: Acquire, archive: Path, workers: int
) -> Path:
    """Fetch what the manifest lists into the archive's collection ``stations``.

    Files lie in a folder of their data set, so that two are never mixed; those that a former run
    completed for the same search are kept. Rows of ``sites`` without a measurement become the item
    "unlabelled". Returns the path of ``collection.json``.

    Raises:
        ServiceError: more files failed than ``config.missing`` allows.
        ArchiveError: the frozen table is not the manifest's.
    """
    listed = read_manifest(manifest)
    root = archive / STATIONS
    table = copy_table(listed, manifest.parent / TABLE, root / "stations" / "stations.csv")
    folder = root / "stations" / str(listed.asked.get("dataset", listed.service))
    period = Period(start=listed.asked["start"], end=listed.asked["end"])
    failures = Failures(manifest, STATIONS, len(listed.products), config.missing)
    assets = {"table": Asset(table)}
    with Client(service(listed.service, config.endpoints)) as client:

        def fetch(product: RemoteProduct) -> Path:
            return fetch_measurements(client, listed, product, period, folder)

        for product, file in failures.side_by_side(fetch, listed.products, workers):
            assets[f"measurements_{product.id}"] = Asset(file)
    failures.settle()
    west, south, east, north = listed.asked["bbox"]
    box = (west, south, east, north)
    products = [Product("stations", STATIONS, UNDATED, box, assets)]
    unlabelled = write_unlabelled(sites, root / "unlabelled" / "unlabelled.csv")
    if unlabelled is not None:
        assets = {"table": Asset(unlabelled)}
        products.append(Product("unlabelled", STATIONS, UNDATED, box, assets))
    return write_collection(archive, STATIONS, ABOUT_STATIONS, products)


def fetch_maps(
    *, manifest: Path, sites: Path, config: Acquire, archive: Path, workers: int
) -> Path:
    """Make the maps of the manifest and write the archive's collection ``ancillary``.

    A map that a former run made from the same sources for the same sites is kept; bytes of one
    that was not finished lie in ``acquire_cache`` beside the archive and are not fetched again.
    Returns the path of ``collection.json``.

    Raises:
        ServiceError: more maps failed than ``config.missing`` allows (all four are needed by the
            land-use stage).
    """
    listed = read_manifest(manifest)
    places = pd.read_csv(sites, usecols=["lon", "lat"])
    boxes = boxes_of(places, listed.asked["radius_m"], listed.asked.get("areas", []))
    cache = archive.parent / "acquire_cache" / ANCILLARY
    failures = Failures(manifest, ANCILLARY, len(listed.products), config.missing)
    made = []
    for product in listed.products:
        path = archive / ANCILLARY / product.id / FILES[product.id]
        stamp = archive / ANCILLARY / product.id / "made_from.sha256"
        digest = sources_digest(product, boxes)
        try:
            if not (
                path.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == digest
            ):
                stamp.unlink(missing_ok=True)
                MAKERS[product.id](product, boxes, config, cache / product.id, path, workers)
                with replacing(stamp) as temporary:
                    temporary.write_text(digest, encoding="utf-8")
        except MmaqError as fault:
            failures.add(product.id, fault)
            continue
        shutil.rmtree(cache / product.id, ignore_errors=True)
        about = {name: product.properties[name] for name in ("sources", "licences")}
        if product.id == "land_cover":
            about[LEGEND_PROPERTY] = product.properties[LEGEND_PROPERTY]
        assets = {"data": Asset(path)}
        made.append(Product(product.id, ANCILLARY, UNDATED, product.bbox, assets, about))
    failures.settle()
    return write_collection(archive, ANCILLARY, ABOUT_MAPS, made)


def fetch_published(*, config: Acquire, out: Path) -> None:
    """Fetch the published table of stations that is called as ``out`` is, unless it is there.

    A note beside it says where it comes from.

    Raises:
        ServiceError: it cannot be had, or is not what it should be: what to put where by hand.
    """
    fetch_table(published_tables()[out.name], out, config.endpoints)


def fetch_sentinel2(
    *, manifest: Path, sites: Path, config: Acquire, patches: Patches, archive: Path, workers: int
) -> None:
    """Fetch what the manifest lists and write the collection; goes on where a stopped run was.

    From a mirror with cloud-optimised scenes: of each site's candidates the one that is clearest
    over the site's own window, and of that only the window, in 12 bands and the classification.
    From the others: whole products. Products that fail are listed beside the manifest.

    Raises:
        ServiceError: more products failed than ``config.missing`` allows; what is complete stays.
        ArchiveError: the manifest cannot be read. TableError: nor the table of sites.
    """

    def fetch(listed: Manifest, archive: Path, remote: Remote, failures: Failures) -> list[str]:
        if listed.service not in WINDOWS:
            return fetch_products(listed, archive, remote, failures)
        job = Windows(manifest, listed, archive, remote, failures)
        return job.fetch(places_of(sites), patches.s2_size)

    _fetch(manifest, config, archive, workers, fetch)


def fetch_sentinel5p(*, manifest: Path, config: Acquire, archive: Path, workers: int) -> None:
    """Fetch the granules of the manifest and write the collection; goes on where a run stopped.

    Each granule's item, with its SHA-256, follows its file at once. Products that fail are listed
    beside the manifest.

    Raises:
        ServiceError: more products failed than ``config.missing`` allows; what is complete stays.
        ArchiveError: the manifest cannot be read.
    """
    _fetch(manifest, config, archive, workers, fetch_products)


def _fetch(
    manifest: Path,
    config: Acquire,
    archive: Path,
    workers: int,
    fetch: Callable[[Manifest, Path, Remote, Failures], list[str]],
) -> None:
    """Fetch a manifest's products, settle what failed, and write the collection."""
    listed = read_manifest(manifest)
    failures = Failures(manifest, listed.collection, len(listed.products), config.missing)
    cache = archive.parent / "acquire_cache" / listed.collection
    with Remote(listed, config.endpoints, cache, workers) as remote:
        done = fetch(listed, archive, remote, failures)
    failures.settle()
    close_collection(archive, listed.collection, listed, done)
    shutil.rmtree(cache, ignore_errors=True)


def grid_and_drop_part(
    *,
    manifest: Path,
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
    stopped run goes on from those. What is no granule has failed, as in ``fetch_sentinel5p``, and
    one with broken contents is left out, as in ``grid_part``.

    Raises:
        ServiceError: more products failed than ``config.missing`` allows; the sums so far stay in
            ``folder``. ProductError: ``grid.strict``, and a granule is broken.
    """
    listed = read_manifest(manifest)
    asked = [product for product in listed.products if start <= product.time.date() <= end]
    name = f"{SENTINEL5P}_{out.stem}"
    failures = Failures(manifest, name, len(asked), config.missing)
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
        Remote(listed, config.endpoints, folder / "parts", workers) as remote,
        byte_bar(wanted, f"granules of {out.stem}") as bar,
    ):
        bring = partial(_bring, folder=folder, remote=remote, progress=bar.update)
        batch: list[Asset] = []
        for product, granule in failures.side_by_side(bring, wanted, remote.threads):
            try:  # here, for the NetCDF library bears one thread, and this one writes sums with it
                checked_granule(product, granule.path)
            except MmaqError as fault:
                failures.add(product.id, fault)
                continue
            batch.append(granule)
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
