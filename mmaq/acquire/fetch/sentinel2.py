"""The Sentinel-2 collection of the archive, as its manifest lists it."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from tqdm import tqdm

from mmaq.acquire.failures import Failures
from mmaq.acquire.fetch.choose import Choice, Chosen, choose_scenes, read_choice, write_choice
from mmaq.acquire.fetch.collection import close_collection, has_item
from mmaq.acquire.fetch.products import fetch_products
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.scenes import NAMES, read_band, write_scene
from mmaq.acquire.fetch.windows import Place, Read
from mmaq.acquire.manifest import Manifest, RemoteProduct, read_manifest
from mmaq.acquire.search.sites import read_sites_csv
from mmaq.acquire.threads import side_by_side
from mmaq.archive import SENTINEL2
from mmaq.config.acquire import Acquire
from mmaq.config.data import Patches
from mmaq.errors import MmaqError, ServiceError

WINDOWS = ("earth-search", "planetary-computer")
"""Services whose scenes are cloud-optimised, so that windows are read and no whole product."""

log = logging.getLogger(__name__)


def fetch_sentinel2(
    manifest_path: Path,
    sites_csv: Path,
    config: Acquire,
    patches: Patches,
    archive: Path,
    workers: int,
) -> None:
    """Fetch what the manifest lists and write the collection; goes on where a stopped run was.

    From a mirror with cloud-optimised scenes: of each site's candidates the one that is clearest
    over the site's own window, and of that only the window, in 12 bands and the classification.
    From the others: whole products. Products that fail are listed beside the manifest.

    Raises:
        ServiceError: more products failed than ``config.missing`` allows; what is complete stays.
        ArchiveError: the manifest cannot be read. TableError: nor the table of sites.
    """
    manifest = read_manifest(manifest_path)
    failures = Failures(manifest_path, SENTINEL2, len(manifest.products), config.missing)
    cache = archive.parent / "acquire_cache" / SENTINEL2
    with Remote(manifest, config.endpoints, cache, workers) as remote:
        if manifest.service in WINDOWS:
            job = _Windows(manifest_path, manifest, archive, remote, failures)
            done = job.fetch(_read_places(sites_csv), patches.s2_size)
        else:
            done = fetch_products(manifest, archive, remote, failures)
    failures.settle()
    close_collection(archive, SENTINEL2, manifest, done)
    shutil.rmtree(cache, ignore_errors=True)


class _Windows:
    """Windows around sites: first the choice of scenes, then their bands."""

    def __init__(
        self, path: Path, manifest: Manifest, archive: Path, remote: Remote, failures: Failures
    ) -> None:
        self.path, self.manifest, self.archive = path, manifest, archive
        self.remote, self.failures = remote, failures

    def fetch(self, places: Mapping[str, Place], size: int) -> list[str]:
        """Fetch the windows; the ids of scenes in the archive."""
        scenes, final = self._choose(places, size)
        for product in self.manifest.products:
            if final and product.id not in scenes:
                self.remote.forget(product.id)
        wanted = [
            product
            for product in self.manifest.products
            if product.id in scenes and not has_item(self.archive, SENTINEL2, product.id)
        ]
        for product, bands in self._read(wanted, scenes):
            # Before the choice is final, another site may come to a scene: ranges stay, no item.
            if final:
                try:
                    write_scene(self.archive, product, scenes[product.id], bands)
                except MmaqError as error:
                    self.failures.add(product.id, error)
                    continue
                self.remote.forget(product.id)
        return [name for name in scenes if has_item(self.archive, SENTINEL2, name)]

    def _choose(self, places: Mapping[str, Place], size: int) -> tuple[dict[str, Chosen], bool]:
        """Scenes by id, and whether that is final: not while too many could not be looked at."""
        path = self.path.parent / f"choice_{SENTINEL2}.json"
        asked = self._digest(places.values(), size)
        old = read_choice(path)
        if old.asked == asked:
            return old.scenes, True
        scenes = choose_scenes(self.manifest, places, size, self.remote, self.failures)
        if self.failures.too_many:
            return scenes, False
        for folder in (self.archive / SENTINEL2).glob("*/"):
            known = old.scenes.get(folder.name)
            if known is None or known != scenes.get(folder.name):
                shutil.rmtree(folder)
        write_choice(path, Choice(asked, scenes))
        return scenes, True

    def _digest(self, places: Iterable[Place], size: int) -> str:
        about = [size, sorted((place.site, place.lon, place.lat) for place in places)]
        return hashlib.sha256(self.path.read_bytes() + json.dumps(about).encode()).hexdigest()

    def _read(
        self, wanted: list[RemoteProduct], scenes: Mapping[str, Chosen]
    ) -> Iterable[tuple[RemoteProduct, dict[str, Read]]]:
        """Each scene with all its bands; one that lacks a band is noted as failed."""
        tasks = [(product, name) for product in wanted for name in NAMES]

        def read(task: tuple[RemoteProduct, str]) -> Read:
            product, name = task
            if product.id in self.failures:
                raise ServiceError(product.id, "a band failed before this one", "Try again")
            return read_band(self.remote, product, scenes[product.id], name)

        bands: dict[str, Read] = {}
        found = side_by_side(read, tasks, self.remote.threads)
        with tqdm(total=len(wanted), desc="windows", unit="scene", disable=None) as bar:
            for (product, name), result in found:
                if isinstance(result, MmaqError):
                    self.failures.add(product.id, result)
                else:
                    bands[name] = result
                if name == NAMES[-1]:
                    bar.update()
                    if len(bands) == len(NAMES):
                        yield product, bands
                    bands = {}


def _read_places(path: Path) -> dict[str, Place]:
    table = read_sites_csv(path)
    columns = (table["site_id"], table["lon"].astype(float), table["lat"].astype(float))
    return {site: Place(site, lon, lat) for site, lon, lat in zip(*columns, strict=True)}
