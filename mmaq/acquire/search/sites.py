"""The places that images are wanted of: stations, and sites without a measurement beside them."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.errors import ConfigError, TableError
from mmaq.base.files import replacing
from mmaq.base.tables import at_line, check_countries, check_unique, read_table, to_numbers
from mmaq.config.acquire import Acquire

COLUMNS = ("site_id", "lon", "lat", "country")

NEAREST_M, FARTHEST_M = 2_000.0, 20_000.0
"""An unlabelled site's distance from the station it is drawn around; no station lies nearer."""

SEED = 0

TRIES = 1000
"""Draws for each site before the area counts as too full of stations."""

RADIUS_M = 6_371_000.0

REMEDY = "Correct the table that acquire.unlabelled_table names"

log = logging.getLogger(__name__)


def all_sites(asked: Acquire, stations: pd.DataFrame) -> pd.DataFrame:
    """Stations, then unlabelled sites: site_id, lon, lat (degrees), country, measured.

    Unlabelled sites come from the user's table, or are drawn around the stations.

    Raises:
        ConfigError: the area has no room for so many. TableError: the user's table is not one.
    """
    if asked.unlabelled_table is not None:
        unlabelled = _read_table(asked.unlabelled_table, asked.bbox)
    else:
        unlabelled = _drawn(asked, stations)
    both = [stations.assign(measured=True), unlabelled.assign(measured=False)]
    sites = pd.concat([part for part in both if len(part)], ignore_index=True)
    twice = sites["site_id"][sites["site_id"].duplicated()]
    if len(twice):
        where = asked.unlabelled_table or "acquire"
        raise TableError(where, f"the site {twice.iloc[0]!r} is there twice", REMEDY)
    log.info("%d stations, %d unlabelled sites", len(stations), len(unlabelled))
    return sites[[*COLUMNS, "measured"]]


def write_sites_csv(path: Path, sites: pd.DataFrame) -> None:
    """Write the table of places; equal places give equal bytes."""
    with replacing(path) as temporary:
        sites.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")


def read_sites_csv(path: Path) -> pd.DataFrame:
    """Read the table of places; TableError when it is missing or not one."""
    remedy = "Make it again with `mmaq acquire plan`"
    try:
        sites = pd.read_csv(path, dtype={"site_id": str, "country": str}, keep_default_na=False)
        return sites[[*COLUMNS, "measured"]]
    except (OSError, ValueError, KeyError) as fault:
        raise TableError(path, f"not a table of places ({fault})", remedy) from None


def _read_table(name: str, bbox: tuple[float, float, float, float]) -> pd.DataFrame:
    table = to_numbers(read_table(name, COLUMNS), ("lon", "lat"), "site_id", name)
    check_unique(table, "site_id", name)
    check_countries(table, name)
    west, south, east, north = bbox
    outside = ~(table["lon"].between(west, east) & table["lat"].between(south, north))
    if outside.any():
        site = table.loc[outside, "site_id"].iloc[0]
        where = at_line(table, outside)
        raise TableError(name, f"{where}the site {site!r} lies outside acquire.bbox", REMEDY)
    return table


def _drawn(asked: Acquire, stations: pd.DataFrame) -> pd.DataFrame:
    """Sites drawn evenly by area in a ring around stations that are drawn with replacement."""
    random = np.random.default_rng(SEED)
    lon, lat = (stations[name].to_numpy(float) for name in ("lon", "lat"))
    west, south, east, north = asked.bbox
    rows: list[tuple[str, float, float, str]] = []
    for _ in range(TRIES * asked.unlabelled):
        if len(rows) == asked.unlabelled:
            break
        station = random.integers(len(stations))
        distance = math.sqrt(random.uniform(NEAREST_M**2, FARTHEST_M**2))
        bearing = random.uniform(0.0, 2.0 * math.pi)
        y = lat[station] + math.degrees(distance * math.cos(bearing) / RADIUS_M)
        around = RADIUS_M * math.cos(math.radians(lat[station]))
        x = lon[station] + math.degrees(distance * math.sin(bearing) / around)
        # The site is what the table says of it, so it is judged with the table's digits.
        x, y = round(x, 6), round(y, 6)
        inside = west <= x <= east and south <= y <= north
        if inside and distances(x, y, lon, lat).min() >= NEAREST_M:
            name = f"unlabelled_{len(rows) + 1:05d}"
            rows.append((name, x, y, str(stations["country"].iloc[station])))
    if len(rows) < asked.unlabelled:
        fault = f"only {len(rows)} of {asked.unlabelled} unlabelled sites fit beside the stations"
        raise ConfigError("acquire.unlabelled", fault, "Ask for fewer, or for a larger bbox")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def distances(lon: float, lat: float, lons: np.ndarray, lats: np.ndarray) -> np.ndarray:
    """Metres from a place to others on a sphere (haversine); degrees in."""
    a, b = math.radians(lat), np.radians(lats)
    half = np.sin((b - a) / 2) ** 2
    half = half + math.cos(a) * np.cos(b) * np.sin(np.radians(lons - lon) / 2) ** 2
    return 2 * RADIUS_M * np.arcsin(np.sqrt(half))
