"""Windows of Sentinel-2 around the sites: which scene each is cut from, and how it gets to disk.

A site's scene is the clearest over its own window. The windows of one scene are one product of the
archive: sparse rasters on the tile's full grid.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rasterio.errors import RasterioError
from tqdm import tqdm

from mmaq.acquire.failures import Failures, side_by_side
from mmaq.acquire.fetch.products import has_item
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.windows import (
    Grid,
    Place,
    Read,
    Window,
    clear_share,
    contradiction,
    find_windows,
    grid_of,
    read_pieces,
)
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.search.sites import read_sites_csv
from mmaq.base.errors import ArchiveError, MmaqError, ProductError, ServiceError
from mmaq.base.files import read_json, sha256, write_json
from mmaq.base.sparse import SparseRaster
from mmaq.contracts.archive import SENTINEL2, Asset, Product, write_item
from mmaq.sentinel2.resample import Axis
from mmaq.services.part import naming_a_full_disk
from mmaq.services.rasters import ONE_IN_GDAL, Raster, read_raster

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


@dataclass(frozen=True)
class Chosen:
    """A scene that is fetched: its 10 m grid, and the windows by site that are cut from it."""

    grid: Grid
    windows: dict[str, Window]


@dataclass(frozen=True)
class Choice:
    """Scenes by id. ``asked`` is a digest of what was chosen from, and for whom."""

    asked: str
    scenes: dict[str, Chosen] = field(default_factory=dict)


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


def places_of(path: Path) -> dict[str, Place]:
    """The places of ``sites.csv`` by site."""
    table = read_sites_csv(path)
    columns = (table["site_id"], table["lon"].astype(float), table["lat"].astype(float))
    return {site: Place(site, lon, lat) for site, lon, lat in zip(*columns, strict=True)}


def choose_scenes(
    manifest: Manifest, places: Mapping[str, Place], size: int, remote: Remote, failures: Failures
) -> dict[str, Chosen]:
    """The scene with the largest clear share of each site's own window, by the classification.

    Among equals the earliest, then the first by id, as ``cut_windows`` chooses. Only the windows
    of classifications are read. A scene whose classification cannot be had is noted in
    ``failures`` and passed over.
    """
    wanted: dict[str, list[Place]] = {}
    for site in sorted(manifest.candidates.keys() & places.keys()):
        for scene in manifest.candidates[site]:
            wanted.setdefault(scene, []).append(places[site])
    scenes = [product for product in manifest.products if product.id in wanted]
    best: dict[str, tuple[float, str, Window]] = {}
    grids: dict[str, Grid] = {}
    look = partial(_look, remote=remote, wanted=wanted, size=size)
    found = side_by_side(look, sorted(scenes, key=lambda p: (p.time, p.id)), remote.threads)
    for scene, seen in tqdm(found, "clear shares", len(scenes), unit="scene", disable=None):
        if isinstance(seen, MmaqError):
            failures.add(scene.id, seen)
            continue
        grids[scene.id] = seen.grid
        for site, (share, window) in seen.sites.items():
            if site not in best or share > best[site][0]:
                best[site] = share, scene.id, window
    _say(places, best)
    chosen = {scene.id: Chosen(grids[scene.id], {}) for scene in scenes if scene.id in grids}
    for site, (_, scene_id, window) in sorted(best.items()):
        chosen[scene_id].windows[site] = window
    return {scene_id: each for scene_id, each in chosen.items() if each.windows}


@dataclass(frozen=True)
class _Seen:
    grid: Grid
    sites: dict[str, tuple[float, Window]]


def _look(
    scene: RemoteProduct, remote: Remote, wanted: Mapping[str, Sequence[Place]], size: int
) -> _Seen:
    def see(raster: Raster) -> _Seen:
        places = wanted[scene.id]
        grid = grid_of(scene.id, raster)
        windows = find_windows(grid, places, size)
        sites = {
            place.site: (clear_share(raster, grid, window), window)
            for place, window in zip(places, windows, strict=True)
            if window is not None
        }
        return _Seen(grid, sites)

    return read_raster(remote.file(scene, "SCL"), see)


def _say(places: Mapping[str, Place], best: Mapping[str, tuple[float, str, Window]]) -> None:
    without = sorted(places.keys() - best.keys())
    if without:
        shown = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
        log.warning("no scene holds the window of %d sites: %s", len(without), shown)
    if best:
        median = float(np.median([share for share, _, _ in best.values()]))
        log.info("%d sites have a clearest scene, median clear share %.2f", len(best), median)


def write_choice(path: Path, choice: Choice) -> None:
    """Keep the choice, so that a restart need not look again."""
    write_json(path, asdict(choice))


def read_choice(path: Path) -> Choice:
    """The choice of an earlier run; an empty one where there is none to be read."""
    try:
        value = read_json(path, ArchiveError, "It is made again")
        scenes = {name: _chosen(each) for name, each in value["scenes"].items()}
        return Choice(str(value["asked"]), scenes)
    except (ArchiveError, AttributeError, KeyError, TypeError):
        return Choice("")


def _chosen(value: Mapping[str, Any]) -> Chosen:
    grid = value["grid"]
    windows = {site: Window(**window) for site, window in value["windows"].items()}
    return Chosen(Grid(grid["epsg"], Axis(**grid["x"]), Axis(**grid["y"])), windows)


def read_band(remote: Remote, scene: RemoteProduct, chosen: Chosen, name: str) -> Read:
    """The windows of one band, or of the classification ``SCL``."""
    windows = [window for _, window in sorted(chosen.windows.items())]
    return read_raster(
        remote.file(scene, name),
        lambda raster: read_pieces(scene.id, raster, chosen.grid, windows),
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


def _check_offset(scene: RemoteProduct, bands: Mapping[str, Read]) -> None:
    offset = scene.properties.get("boa_offset")
    if not isinstance(offset, int):
        fault = f"the manifest says boa_offset {offset!r} where an integer DN is needed"
        raise ProductError(scene.id, fault, "Search again")
    fine = [piece.values for band in FILES["R10m"][0] for piece in bands[band].pieces]
    baseline = str(scene.properties.get("s2:processing_baseline", ""))
    wrong = contradiction(offset, baseline, fine)
    if wrong is not None:
        log.warning("%s: %s: the mirror's offset may be wrong", scene.id, wrong)
