"""The surroundings of sites on 100 m to 150 km: the columns of ``mmaq.contracts.context``.

From the archive's maps and its table of power plants, or from the packaged table of places. Each
column is made in the same way for stations, unlabelled sites and cells of a map.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from os import PathLike

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from mmaq.base.errors import ProductError
from mmaq.base.tables import check_range, read_table, to_numbers
from mmaq.contracts.context import (
    COAST,
    COAST_KM,
    COVERS,
    EXACT_M,
    INDUSTRY,
    INDUSTRY_KM,
    ON_MAP,
    PLANT_KM,
    POTENTIAL_KM,
    REACH,
    RINGS_M,
    cover,
    plants,
    potential,
)
from mmaq.landuse import sums
from mmaq.landuse.cells import points_of
from mmaq.landuse.geonames import read_geonames
from mmaq.landuse.legends import LEGENDS, NO_DATA, SEA
from mmaq.landuse.maps import DECLARE, disc_shares
from mmaq.landuse.roads import ring_areas
from mmaq.landuse.sums import RING_STEPS, STEPS, Points, in_space

COAST_CELL_KM = 0.5
"""Of the squares that are sea or land as a whole."""
COAST_SHARE = 0.75
"""Of a smaller square: they are sized as a map draws them, and its projection may stretch them."""
CROWD = 1e7
"""People per km2 whom no cell can hold: ten on each square metre."""
WHOLE = 0.5
"""Share of a ring, or of a kernel, that a map must hold: else the ring is missing, and the kernel
is warned of."""
INSIDE = 1.0 - (1.0 + REACH) * np.exp(-REACH)
"""Share of a kernel's weight, over an even plane, within its reach."""
BURNING = ("Coal", "Gas", "Oil", "Petcoke", "Cogeneration", "Waste", "Biomass")
"""Fuels of the Global Power Plant Database whose plants have a stack."""

log = logging.getLogger(__name__)


def population_of_places(lon: np.ndarray, lat: np.ndarray) -> pd.DataFrame:
    """The population potential from the packaged table of places, which has no edge."""
    points = _packaged_places()
    return _population(points_at=lambda _: points, sites=in_space(lon, lat)).assign(**{ON_MAP: 1.0})


@lru_cache(maxsize=1)
def _packaged_places() -> Points:
    known = read_geonames()
    return Points.at(*known[["lon", "lat", "population"]].to_numpy(float).T)


def population_of_map(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> pd.DataFrame:
    """The population potential from a raster of people per km2, and the share of the widest
    kernel that lies on it.

    Cells without data are taken for empty.

    Raises:
        ProductError: the raster cannot be read, or holds an impossible density.
    """
    sites = in_space(lon, lat)

    def people(density: np.ndarray) -> np.ndarray:
        bad = density[(density < 0) | (density > CROWD)]
        if len(bad):
            fault = f"holds the impossible value {bad[0]:g}"
            raise ProductError(path, fault, DECLARE)
        return np.nan_to_num(density)[None]

    def points_at(scale: int) -> Points:
        return points_of(path, sites, REACH * scale, scale / STEPS / STEPS, people)

    found = _population(points_at, sites)
    widest = POTENTIAL_KM[-1]
    land = points_of(
        path,
        sites,
        REACH * widest,
        widest / STEPS,
        lambda cells: np.ones((1, *cells.shape)),
    )
    held = sums.potential(land, sites, widest, REACH)[:, 0] / (2 * np.pi * widest**2 * INSIDE)
    found[ON_MAP] = np.clip(held, 0.0, 1.0)
    few = int((found[ON_MAP] < WHOLE).sum())
    if few:
        told = "%s: holds less than half of what lies within %.0f km of %d of %d sites (column %s)"
        log.warning(told, path, REACH * widest, few, len(sites), ON_MAP)
    return found


def _population(points_at: Callable[[int], Points], sites: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            potential(scale): np.log1p(sums.potential(points_at(scale), sites, scale, REACH)[:, 0])
            for scale in POTENTIAL_KM
        }
    )


def plants_around(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> pd.DataFrame:
    """The potential of power plants that burn something, by capacity in MW.

    Args:
        path: a table with the Global Power Plant Database's columns capacity_mw, latitude,
            longitude and primary_fuel.
        lon, lat: the n sites, degrees.

    Raises:
        TableError: the table cannot be read, or holds an impossible value.
    """
    names = ("capacity_mw", "latitude", "longitude")
    table = read_table(path, [*names, "primary_fuel"])
    burns = table["primary_fuel"].str.lower().isin([fuel.lower() for fuel in BURNING])
    if not burns.any():
        log.warning("%s: no power plant in it burns %s", path, ", ".join(BURNING))
    table = table[burns]
    table = to_numbers(table, names, "primary_fuel", path)
    for name, low, high in (
        ("capacity_mw", 0.0, np.inf), ("latitude", -90.0, 90.0), ("longitude", -180.0, 180.0)
    ):  # fmt: skip
        check_range(table, name, low, high, "primary_fuel", path)
    points = Points.at(*table[["longitude", "latitude", "capacity_mw"]].to_numpy(float).T)
    sites = in_space(lon, lat)
    return pd.DataFrame(
        {
            plants(scale): np.log1p(sums.potential(points, sites, scale, REACH)[:, 0])
            for scale in PLANT_KM
        }
    )


def cover_around(
    path: str | PathLike[str],
    lon: np.ndarray,
    lat: np.ndarray,
    known: Mapping[float, pd.DataFrame],
) -> pd.DataFrame:
    """Cover shares in rings, the potential of industry, and the distance to the coast.

    ``known`` are the shares of ``disc_shares`` in discs of some radii, which tell the legend.

    Up to ``EXACT_M`` as :func:`mmaq.landuse.maps.disc_shares`, farther out by squares of cells.
    A ring of which the map holds less than half is missing. So is what the legend does not tell:
    industry, or the sea from a lake.

    Raises:
        ProductError: the raster cannot be read, its codes are of no legend, or might be of two.
    """
    name = next(iter(known.values())).attrs["legend"]
    radii = [r for r in RINGS_M if r <= EXACT_M]
    discs = {r: known[r] if r in known else disc_shares(path, lon, lat, r, name) for r in radii}
    found = pd.DataFrame(_rings(discs))
    sites = in_space(lon, lat)
    far = [r for r in RINGS_M if r >= EXACT_M]
    for inner, outer in pairwise(far):
        reach = outer / 1000.0
        points = points_of(path, sites, reach, reach / RING_STEPS, _classes(path, name))
        ring = sums.ring_sums(points, sites, inner / 1000.0, reach)
        total = ring.sum(axis=1)
        total[total < WHOLE * ring_areas()[RINGS_M.index(outer)]] = np.nan
        for number, kind in enumerate(COVERS):
            found[cover(kind, outer)] = np.clip(ring[:, number] / total, 0.0, 1.0)
    knows_industry = "industry" in LEGENDS[name].values()
    if knows_industry:
        reach = REACH * INDUSTRY_KM
        size = INDUSTRY_KM / STEPS / STEPS
        works = points_of(path, sites, reach, size, _of_codes(LEGENDS[name], "industry"))
        found[INDUSTRY] = np.log1p(sums.potential(works, sites, INDUSTRY_KM, REACH)[:, 0])
    else:
        names = [cover("industry", radius) for radius in RINGS_M]
        found[[*names, INDUSTRY]] = np.nan
    found[COAST] = _coast(path, sites, name)
    return found


def _rings(discs: dict[int, pd.DataFrame]) -> dict[str, np.ndarray]:
    """Shares in rings from shares in discs; missing where the map holds too little of a ring."""
    found, inner, inside, held_inside = {}, 0, 0.0, 0.0
    for radius, shares in discs.items():
        whole, held = shares[list(COVERS)].to_numpy(float) * radius**2, shares.attrs["held"]
        area = radius**2 - inner**2
        ring = np.clip((whole - inside) / area, 0.0, 1.0)
        ring[held * radius**2 - held_inside < WHOLE * area] = np.nan
        for number, kind in enumerate(COVERS):
            found[cover(kind, radius)] = ring[:, number]
        inner, inside, held_inside = radius, whole, held * radius**2
    return found


def _classes(path: str | PathLike[str], legend: str) -> Callable[[np.ndarray], np.ndarray]:
    """Gives which cells are of each of ``COVERS``, and which of another class.

    It raises ProductError for a code that the legend does not know.
    """
    layers = {kind: [c for c, name in LEGENDS[legend].items() if name == kind] for kind in COVERS}
    others = [code for code, name in LEGENDS[legend].items() if name not in COVERS]

    def weigh(cells: np.ndarray) -> np.ndarray:
        made = np.stack([np.isin(cells, codes) for codes in (*layers.values(), others)])
        nothing = np.isnan(cells) | np.isin(cells, list(NO_DATA[legend]))
        strange = cells[~(nothing | made.any(axis=0))]
        if len(strange):
            fault = f"holds {strange[0]:g}, which is no code of the legend {legend!r}"
            raise ProductError(path, fault, DECLARE)
        return made.astype(float)

    return weigh


def _of_codes(legend: Mapping[int, str], kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """Gives which cells are of a kind."""
    codes = [code for code, name in legend.items() if name == kind]
    return lambda cells: np.isin(cells, codes)[None].astype(float)


def _coast(path: str | PathLike[str], sites: np.ndarray, legend: str) -> np.ndarray:
    """Distance in km to the nearest square that is sea, at most ``COAST_KM``.

    Half of a square of ``COAST_CELL_KM`` must be sea, and ``COAST_SHARE`` of a smaller one.
    """
    if legend not in SEA:
        return np.full(len(sites), np.nan)

    def weigh(cells: np.ndarray) -> np.ndarray:
        """Sea, and sea or land alike: so much of it as has sea near by is wanted."""
        sea = np.isin(cells, SEA[legend])
        return np.stack([sea, np.full(cells.shape, sea.any())]).astype(float)

    squares = points_of(path, sites, COAST_KM, COAST_CELL_KM, weigh)
    held, size = squares.weights.T
    sea = squares.xyz[held > np.minimum(COAST_CELL_KM**2 / 2, COAST_SHARE * size)]
    if not len(sea):
        return np.full(len(sites), float(COAST_KM))
    return np.minimum(cKDTree(sea).query(sites)[0], COAST_KM)
