"""Windows of Sentinel-2 around the sites: which scene each is cut from, and how it gets to disk.

A site's scene is the clearest over its own window, of what every band has. The windows of one scene
are one product of the archive: sparse rasters on the tile's full grid.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from rasterio.errors import RasterioError
from tqdm import tqdm

from mmaq.acquire.failures import Failures, side_by_side
from mmaq.acquire.fetch.choice import (
    Choice,
    Chosen,
    Pick,
    by_scene,
    rank_scenes,
    read_choice,
    write_choice,
)
from mmaq.acquire.fetch.products import has_item
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.windows import (
    Grid,
    Place,
    Read,
    read_pieces,
    share_with_data,
)
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.search.sites import read_sites_csv
from mmaq.base.errors import MmaqError, ProductError, ServiceError
from mmaq.base.files import sha256
from mmaq.base.sparse import SparseRaster
from mmaq.contracts.archive import SENTINEL2, Asset, Product, write_item
from mmaq.sentinel2.offsets import TEN_METRES, contradiction
from mmaq.services.part import naming_a_full_disk
from mmaq.services.rasters import ONE_IN_GDAL, read_raster

FILES = {
    "R10m": (("B02", "B03", "B04", "B08"), 128),
    "R20m": (("B05", "B06", "B07", "B8A", "B11", "B12"), 64),
    "R60m": (("B01", "B09"), 32),
    "SCL": (("SCL",), 64),
}
"""Asset: its bands in the file's order, and block side in pixels."""

NAMES = ("SCL", *(band for name in ("R10m", "R20m", "R60m") for band in FILES[name][0]))

WINDOWS = ("earth-search", "planetary-computer")
"""Services whose scenes are cloud-optimised, so that windows are read and no whole product."""

log = logging.getLogger(__name__)


class Windows:
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
        for product, bands in self._read(wanted, scenes, "windows"):
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
        rankings, grids = rank_scenes(self.manifest, places, size, self.remote, self.failures)
        best = {site: ranking[0] for site, ranking in rankings.items()}
        if self.failures.too_many:
            return by_scene(best, grids), False
        known = {
            site: pick
            for site, pick in best.items()
            if old.holds(site, pick) and has_item(self.archive, SENTINEL2, pick.scene)
        }
        best = self._clearest(rankings, grids, known)
        scenes = by_scene(best, grids)
        if self.failures.too_many:
            return scenes, False
        _say(places, best)
        for folder in (self.archive / SENTINEL2).glob("*/"):
            before = old.scenes.get(folder.name)
            if before is None or before != scenes.get(folder.name):
                shutil.rmtree(folder)
        write_choice(path, Choice(asked, scenes))
        return scenes, True

    def _digest(self, places: Iterable[Place], size: int) -> str:
        about = [size, sorted((place.site, place.lon, place.lat) for place in places)]
        return hashlib.sha256(self.path.read_bytes() + json.dumps(about).encode()).hexdigest()

    def _clearest(
        self,
        rankings: Mapping[str, list[Pick]],
        grids: Mapping[str, Grid],
        known: Mapping[str, Pick],
    ) -> dict[str, Pick]:
        """By site the scene with the largest share that is clear and that every band has.

        Bands are read only of scenes that can still win: no window is clearer than its classes;
        and not of sites that ``known`` has, whose windows were read by an earlier run.
        """
        best: dict[str, Pick] = dict(known)
        waiting = {site: ranking for site, ranking in rankings.items() if site not in known}
        while turn := {site: left[0] for site, left in waiting.items() if left}:
            asked = by_scene(turn, grids)
            wanted = [product for product in self.manifest.products if product.id in asked]
            for product, bands in self._read(wanted, asked, "windows of the clearest scenes"):
                windows = sorted(asked[product.id].windows.items())
                for number, (site, window) in enumerate(windows):
                    share = share_with_data(bands, number, grids[product.id], window)
                    pick = replace(turn[site], share=share)
                    if site not in best or pick.rank > best[site].rank:
                        best[site] = pick
            waiting = {
                site: [
                    pick
                    for pick in waiting[site][1:]
                    if site not in best or pick.rank > best[site].rank
                ]
                for site in turn
            }
        return best

    def _read(
        self, wanted: list[RemoteProduct], scenes: Mapping[str, Chosen], what: str
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
        with tqdm(total=len(wanted), desc=what, unit="scene", disable=None) as bar:
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


def places_of(path: Path) -> dict[str, Place]:
    """The places of ``sites.csv`` by site."""
    table = read_sites_csv(path)
    columns = (table["site_id"], table["lon"].astype(float), table["lat"].astype(float))
    return {site: Place(site, lon, lat) for site, lon, lat in zip(*columns, strict=True)}


def _say(places: Mapping[str, Place], best: Mapping[str, Pick]) -> None:
    without = sorted(places.keys() - best.keys())
    if without:
        shown = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
        log.warning("no scene holds the window of %d sites: %s", len(without), shown)
    if best:
        median = float(np.median([pick.share for pick in best.values()]))
        log.info("%d sites have a clearest scene, median clear share %.2f", len(best), median)


def read_band(remote: Remote, scene: RemoteProduct, chosen: Chosen, name: str) -> Read:
    """The windows of one band, or of the classification ``SCL``."""
    windows = [window for _, window in sorted(chosen.windows.items())]
    offset = _offset(scene)
    return read_raster(
        remote.file(scene, name),
        lambda raster: read_pieces(scene.id, name, raster, offset, chosen.grid, windows),
    )


def write_scene(
    archive: Path, scene: RemoteProduct, chosen: Chosen, bands: Mapping[str, Read]
) -> None:
    """Write a scene's rasters, then its item; the same windows give the same bytes.

    Raises:
        ProductError: bands of one resolution differ in their grid, or the offset is unknown.
    """
    _check_offset(scene, bands)
    folder = archive / SENTINEL2 / scene.id
    shutil.rmtree(folder, ignore_errors=True)  # what a killed run left
    assets = {}
    for name, (members, block) in FILES.items():
        path = folder / f"{name}.tif"
        raster = _join(scene.id, {band: bands[band] for band in members}, block)
        try:
            with naming_a_full_disk(path), ONE_IN_GDAL:
                raster.write(path)
        except RasterioError as error:
            fault = f"cannot be written ({error})"
            raise ProductError(path, fault, "See whether the disk is full") from None
        assets[name] = Asset(path, members, sha256(path))
    properties = dict(scene.properties) | {"proj:epsg": chosen.grid.epsg}
    write_item(archive, Product(scene.id, SENTINEL2, scene.time, scene.bbox, assets, properties))


def _join(scene: str, bands: Mapping[str, Read], block: int) -> SparseRaster:
    reads = list(bands.values())
    frames = {read.frame for read in reads}
    if len(frames) > 1:
        fault = f"{', '.join(bands)} do not lie on one grid"
        raise ProductError(scene, fault, "Leave the scene out of the manifest, or search again")
    dtype = "uint8" if "SCL" in bands else "uint16"
    raster = SparseRaster(reads[0].frame, tuple(bands), dtype, block)
    for pieces in zip(*(read.pieces for read in reads), strict=True):
        raster.put(pieces[0].row, pieces[0].column, np.stack([piece.values for piece in pieces]))
    return raster


def _offset(scene: RemoteProduct) -> int:
    """DN to add."""
    offset = scene.properties.get("boa_offset")
    if not isinstance(offset, int):
        fault = f"the manifest says boa_offset {offset!r} where an integer DN is needed"
        raise ProductError(scene.id, fault, "Search again")
    return offset


def _check_offset(scene: RemoteProduct, bands: Mapping[str, Read]) -> None:
    fine = [piece.values for band in TEN_METRES for piece in bands[band].pieces]
    baseline = str(scene.properties.get("s2:processing_baseline", ""))
    wrong = contradiction(_offset(scene), baseline, fine)
    if wrong is not None:
        log.warning("%s: %s: the mirror's offset may be wrong", scene.id, wrong)
