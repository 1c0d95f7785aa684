"""Which scenes to look at for each site: those of the clearest tiles, one a date."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import date

import pandas as pd
from shapely import STRtree
from shapely.geometry import Polygon, box

from mmaq.acquire.search.items import in_one_piece
from mmaq.acquire.search.scenes import Scene

SLANT = 1.1
"""A window follows the tile's grid, which is turned by up to 3 degrees against the meridian."""

MARGIN_M = 60.0
"""Read around each window (a pixel of the coarsest band)."""

METRES = 111_320.0
"""Metres of one degree of latitude."""


def clearest_dates(
    scenes: Iterable[Scene], sites: pd.DataFrame, side_m: float, dates: int
) -> dict[str, tuple[Scene, ...]]:
    """For each site the ``dates`` clearest scenes whose footprint holds its whole window.

    Of one date only the clearest scene counts (ties: the later processing, then the id).
    ``side_m`` is the window's side in metres. A site that no scene holds gets an empty tuple.
    """
    names = [str(name) for name in sites["site_id"]]
    # Footprints across the antimeridian go on beyond 180 degrees, so each window is there too.
    windows = [
        _window(lon + turn, lat, side_m)
        for turn in (0.0, 360.0)
        for lon, lat in zip(sites["lon"], sites["lat"], strict=True)
    ]
    tree = STRtree(windows)
    best: list[dict[date, Scene]] = [{} for _ in names]
    for scene in sorted(scenes, key=_rank):
        for place in tree.query(in_one_piece(scene.footprint), predicate="covers"):
            best[place % len(names)].setdefault(scene.product.time.date(), scene)
    return {
        name: tuple(sorted(found.values(), key=_rank)[:dates])
        for name, found in zip(names, best, strict=True)
    }


def _rank(scene: Scene) -> tuple[float, tuple[int, ...], str]:
    later = tuple(-ord(letter) for letter in scene.version)
    return scene.cloud, later, scene.product.id


def _window(lon: float, lat: float, side_m: float) -> Polygon:
    half = (side_m / 2 * SLANT + MARGIN_M) / METRES
    wide = half / max(math.cos(math.radians(lat)), 0.01)
    return box(lon - wide, lat - half, lon + wide, lat + half)
