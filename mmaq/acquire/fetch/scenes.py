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
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError
from rasterio.errors import RasterioError
from tqdm import tqdm

from mmaq.acquire.failures import Failures, side_by_side
from mmaq.acquire.fetch.products import has_item
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.windows import (
    CLASSES,
    Grid,
    Place,
    Read,
    Window,
    clear_share,
    find_windows,
    grid_of,
    read_band,
)
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.search.sites import read_sites_csv
from mmaq.acquire.services.faults import naming_a_full_disk
from mmaq.base.errors import MmaqError, ProductError, ServiceError
from mmaq.base.files import sha256, write_json
from mmaq.base.sparse import Frame, SparseRaster
from mmaq.contracts.archive import SENTINEL2, Asset, Product, write_item
from mmaq.sentinel2.offsets import TEN_METRES, contradiction

FILES = {
    "R10m": (("B02", "B03", "B04", "B08"), 128),
    "R20m": (("B05", "B06", "B07", "B8A", "B11", "B12"), 64),
    "R60m": (("B01", "B09"), 32),
    CLASSES: ((CLASSES,), 64),
}
"""Asset: its bands in the file's order, and block side in pixels."""

NAMES = (CLASSES, *(band for name in ("R10m", "R20m", "R60m") for band in FILES[name][0]))

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


@dataclass(frozen=True)
class Pick:
    """A scene for a site: clear share of its window, and the scene's place among all by time."""

    scene: str
    order: int
    share: float
    window: Window

    @property
    def rank(self) -> tuple[float, int]:
        """The larger, the better; among equals the earliest, as ``cut_windows`` chooses."""
        return self.share, -self.order


class Windows:
    """Windows around sites: first the choice of scenes, then their bands."""

    def __init__(
        self, path: Path, manifest: Manifest, archive: Path, remote: Remote, failures: Failures
    ) -> None:
        self.path, self.manifest, self.archive = path, manifest, archive
        self.remote, self.failures = remote, failures
        self._grids: dict[str, Grid] = {}

    def fetch(self, places: Mapping[str, Place], size: int) -> list[str]:
        """Fetch the windows; the ids of scenes in the archive.

        Nothing is written while too many scenes could not be looked at: another may be clearer.
        """
        scenes = self._chosen(places, size)
        if scenes is None:
            return []
        for product in self.manifest.products:
            if product.id not in scenes:
                self.remote.forget(product.id)
        lacking = [name for name in scenes if not has_item(self.archive, SENTINEL2, name)]
        for product, bands in self._read({name: scenes[name] for name in lacking}, "windows"):
            try:
                write_scene(self.archive, product, scenes[product.id], bands)
                self.remote.forget(product.id)
            except MmaqError as error:
                self.failures.add(product.id, error)
        return [name for name in scenes if has_item(self.archive, SENTINEL2, name)]

    def _chosen(self, places: Mapping[str, Place], size: int) -> dict[str, Chosen] | None:
        """Scenes by id, chosen by an earlier run or now; None while too many products fail."""
        path = self.path.parent / f"choice_{SENTINEL2}.json"
        about = [size, sorted((place.site, place.lon, place.lat) for place in places.values())]
        asked = hashlib.sha256(self.path.read_bytes() + json.dumps(about).encode()).hexdigest()
        old = read_choice(path)
        if old.asked == asked:
            return old.scenes
        rankings = self._rankings(places, size)
        if self.failures.too_many:
            return None
        best = self._clearest(rankings, old.scenes)
        if self.failures.too_many:
            return None
        scenes = self._by_scene(best)
        _say(places, best)
        for folder in (self.archive / SENTINEL2).glob("*/"):
            before = old.scenes.get(folder.name)
            if before is None or before != scenes.get(folder.name):
                shutil.rmtree(folder)
        write_json(path, asdict(Choice(asked, scenes)))
        return scenes

    def _rankings(self, places: Mapping[str, Place], size: int) -> dict[str, list[Pick]]:
        """The scenes of each site, that with the clearest window by classes first.

        Only the windows of classifications are read. A scene whose classification cannot be had is
        noted as failed and passed over; a site that no scene holds is left out.
        """
        around: dict[str, list[Place]] = {}
        for site in sorted(self.manifest.candidates.keys() & places.keys()):
            for scene in self.manifest.candidates[site]:
                around.setdefault(scene, []).append(places[site])
        scenes = [product for product in self.manifest.products if product.id in around]
        scenes.sort(key=lambda product: (product.time, product.id))
        rankings: dict[str, list[Pick]] = {}
        found = side_by_side(partial(self._look, around, size), scenes, self.remote.threads)
        bar = tqdm(found, "clear shares", len(scenes), unit="scene", disable=None)
        for order, (scene, seen) in enumerate(bar):
            if isinstance(seen, MmaqError):
                self.failures.add(scene.id, seen)
                continue
            self._grids[scene.id], sites = seen
            for site, (share, window) in sites.items():
                rankings.setdefault(site, []).append(Pick(scene.id, order, share, window))
        for ranking in rankings.values():
            ranking.sort(key=lambda pick: pick.rank, reverse=True)
        return rankings

    def _look(
        self, around: Mapping[str, list[Place]], size: int, scene: RemoteProduct
    ) -> tuple[Grid, dict[str, tuple[float, Window]]]:
        """A scene's grid, and by site the clear share of its window, where the scene holds it."""
        places = around[scene.id]

        def windows_on(frame: Frame) -> tuple[Grid, list[Window]]:
            grid = grid_of(frame)
            found = find_windows(grid, places, size)
            return grid, [window for window in found if window is not None]

        read = read_band(self.remote, scene, CLASSES, 0, windows_on)
        grid = grid_of(read.frame)
        found = zip(places, find_windows(grid, places, size), strict=True)
        return grid, {
            place.site: (clear_share({CLASSES: read}, grid, window), window)
            for place, window in found
            if window is not None
        }

    def _clearest(
        self, rankings: Mapping[str, list[Pick]], old: Mapping[str, Chosen]
    ) -> dict[str, Pick]:
        """By site the scene with the largest share that is clear and that every band has.

        Bands are read only of scenes that can still win: no window is clearer than its classes;
        and not of sites whose first scene an earlier run has written for them.
        """
        best: dict[str, Pick] = {}
        waiting: dict[str, list[Pick]] = {}
        for site, ranking in rankings.items():
            first = ranking[0]
            before = old.get(first.scene)
            same = before is not None and before.windows.get(site) == first.window
            if same and has_item(self.archive, SENTINEL2, first.scene):
                best[site] = first
            else:
                waiting[site] = ranking
        while waiting:
            turn = {site: left[0] for site, left in waiting.items()}
            asked = self._by_scene(turn)
            for product, bands in self._read(asked, "windows of the clearest scenes"):
                for site, window in asked[product.id].windows.items():
                    share = clear_share(bands, asked[product.id].grid, window)
                    pick = replace(turn[site], share=share)
                    if site not in best or pick.rank > best[site].rank:
                        best[site] = pick
            left = {
                site: [
                    pick for pick in waiting[site][1:]
                    if site not in best or pick.rank > best[site].rank
                ]
                for site in turn
            }  # fmt: skip
            waiting = {site: picks for site, picks in left.items() if picks}
        return best

    def _by_scene(self, picks: Mapping[str, Pick]) -> dict[str, Chosen]:
        scenes: dict[str, Chosen] = {}
        for site, pick in sorted(picks.items()):
            chosen = scenes.setdefault(pick.scene, Chosen(self._grids[pick.scene], {}))
            chosen.windows[site] = pick.window
        return scenes

    def _read(
        self, scenes: Mapping[str, Chosen], what: str
    ) -> Iterable[tuple[RemoteProduct, dict[str, Read]]]:
        """Each scene with all its bands; one that lacks a band is noted as failed."""
        wanted = [product for product in self.manifest.products if product.id in scenes]
        tasks = [(product, name) for product in wanted for name in NAMES]

        def read(task: tuple[RemoteProduct, str]) -> Read:
            product, name = task
            if product.id in self.failures:
                raise ServiceError(product.id, "a band failed before this one", "Try again")
            chosen = scenes[product.id]
            windows = chosen.grid, sorted(chosen.windows.values())
            return read_band(self.remote, product, name, _offset(product), lambda _: windows)

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


def read_choice(path: Path) -> Choice:
    """The choice of an earlier run; an empty one where there is none to be read."""
    try:
        return TypeAdapter(Choice).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return Choice("")


def write_scene(
    archive: Path, scene: RemoteProduct, chosen: Chosen, bands: Mapping[str, Read]
) -> None:
    """Write a scene's rasters, then its item; the same windows give the same bytes.

    Raises:
        ProductError: bands of one resolution differ in their grid, or the offset is unknown.
    """
    windows = sorted(set(chosen.windows.values()))
    baseline = str(scene.properties.get("s2:processing_baseline", ""))
    fine = [bands[band].pieces[window].values for band in TEN_METRES for window in windows]
    wrong = contradiction(_offset(scene), baseline, fine)
    if wrong is not None:
        log.warning("%s: %s: the mirror's offset may be wrong", scene.id, wrong)
    folder = archive / SENTINEL2 / scene.id
    shutil.rmtree(folder, ignore_errors=True)  # what a killed run left
    assets = {}
    for name, (members, block) in FILES.items():
        path = folder / f"{name}.tif"
        frames = {bands[band].frame for band in members}
        if len(frames) > 1:
            fault = f"{', '.join(members)} do not lie on one grid"
            raise ProductError(scene.id, fault, "Leave the scene out of the manifest")
        dtype = "uint8" if name == CLASSES else "uint16"
        raster = SparseRaster(frames.pop(), members, dtype, block)
        for window in windows:
            pieces = [bands[band].pieces[window] for band in members]
            values = np.stack([piece.values for piece in pieces])
            raster.put(pieces[0].row, pieces[0].column, values)
        try:
            with naming_a_full_disk(path):
                raster.write(path)
        except RasterioError as error:
            fault = f"cannot be written ({error})"
            raise ProductError(path, fault, "See whether the disk is full") from None
        assets[name] = Asset(path, members, sha256(path))
    properties = dict(scene.properties) | {"proj:epsg": chosen.grid.epsg}
    write_item(archive, Product(scene.id, SENTINEL2, scene.time, scene.bbox, assets, properties))


def _offset(scene: RemoteProduct) -> int:
    """DN to add."""
    offset = scene.properties.get("boa_offset")
    if not isinstance(offset, int):
        fault = f"the manifest says boa_offset {offset!r} where an integer DN is needed"
        raise ProductError(scene.id, fault, "Search again")
    return offset
