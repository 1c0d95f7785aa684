"""Which scene each site's window is cut from: the clearest over the window itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from tqdm import tqdm

from mmaq.acquire.failures import Failures
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.windows import Grid, Place, Window, clear_share, find_windows, grid_of
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.acquire.threads import side_by_side
from mmaq.errors import ArchiveError, MmaqError
from mmaq.files import read_json, write_json
from mmaq.sentinel2.resample import Axis

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


@dataclass(frozen=True)
class _Seen:
    grid: Grid
    sites: dict[str, tuple[float, Window]]


def _look(
    scene: RemoteProduct, remote: Remote, wanted: Mapping[str, Sequence[Place]], size: int
) -> _Seen:
    def see(raster: rasterio.DatasetReader) -> _Seen:
        places = wanted[scene.id]
        grid = grid_of(scene.id, raster)
        windows = find_windows(grid, places, size)
        sites = {
            place.site: (clear_share(raster, grid, window), window)
            for place, window in zip(places, windows, strict=True)
            if window is not None
        }
        return _Seen(grid, sites)

    return remote.read(scene, "SCL", see)


def _say(places: Mapping[str, Place], best: Mapping[str, tuple[float, str, Window]]) -> None:
    without = sorted(places.keys() - best.keys())
    if without:
        shown = ", ".join(without[:5]) + (", ..." if len(without) > 5 else "")
        log.warning("no scene holds the window of %d sites: %s", len(without), shown)
    if best:
        median = float(np.median([share for share, _, _ in best.values()]))
        log.info("%d sites have a clearest scene, median clear share %.2f", len(best), median)


def _chosen(value: Mapping[str, Any]) -> Chosen:
    grid = value["grid"]
    windows = {site: Window(**window) for site, window in value["windows"].items()}
    return Chosen(Grid(grid["epsg"], Axis(**grid["x"]), Axis(**grid["y"])), windows)
