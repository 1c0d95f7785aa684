"""Which scene each site's window is cut from: ranked by classes, and kept for a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmaq.acquire.failures import Failures, side_by_side
from mmaq.acquire.fetch.remote import Remote
from mmaq.acquire.fetch.windows import Grid, Place, Window, clear_share, find_windows, grid_of
from mmaq.acquire.manifest import Manifest, RemoteProduct
from mmaq.base.errors import ArchiveError, MmaqError
from mmaq.base.files import read_json, write_json
from mmaq.sentinel2.resample import Axis
from mmaq.services.rasters import Raster, read_raster


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

    def holds(self, site: str, pick: Pick) -> bool:
        """Whether this window of this scene is chosen for the site."""
        chosen = self.scenes.get(pick.scene)
        return chosen is not None and chosen.windows.get(site) == pick.window


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


def rank_scenes(
    manifest: Manifest, places: Mapping[str, Place], size: int, remote: Remote, failures: Failures
) -> tuple[dict[str, list[Pick]], dict[str, Grid]]:
    """The scenes of each site, that with the clearest window by classes first, and their grids.

    Only the windows of classifications are read. A scene whose classification cannot be had is
    noted in ``failures`` and passed over; a site that no scene holds is left out.
    """
    wanted: dict[str, list[Place]] = {}
    for site in sorted(manifest.candidates.keys() & places.keys()):
        for scene in manifest.candidates[site]:
            wanted.setdefault(scene, []).append(places[site])
    scenes = [product for product in manifest.products if product.id in wanted]
    rankings: dict[str, list[Pick]] = {}
    grids: dict[str, Grid] = {}
    look = partial(_look, remote=remote, wanted=wanted, size=size)
    found = side_by_side(look, sorted(scenes, key=lambda p: (p.time, p.id)), remote.threads)
    bar = tqdm(found, "clear shares", len(scenes), unit="scene", disable=None)
    for order, (scene, seen) in enumerate(bar):
        if isinstance(seen, MmaqError):
            failures.add(scene.id, seen)
            continue
        grids[scene.id] = seen.grid
        for site, (share, window) in seen.sites.items():
            rankings.setdefault(site, []).append(Pick(scene.id, order, share, window))
    for ranking in rankings.values():
        ranking.sort(key=lambda pick: pick.rank, reverse=True)
    return rankings, grids


def by_scene(picks: Mapping[str, Pick], grids: Mapping[str, Grid]) -> dict[str, Chosen]:
    """The picks of all sites, by scene."""
    scenes: dict[str, Chosen] = {}
    for site, pick in sorted(picks.items()):
        chosen = scenes.setdefault(pick.scene, Chosen(grids[pick.scene], {}))
        chosen.windows[site] = pick.window
    return scenes


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
            place.site: (clear_share(scene.id, raster, grid, window), window)
            for place, window in zip(places, windows, strict=True)
            if window is not None
        }
        return _Seen(grid, sites)

    return read_raster(remote.file(scene, "SCL"), see)


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
