"""NO2 at the ground: the regional part of the transport and what local sources add.

At a point and day: background + column / mixing depth + street, house and industry increments,
the increments as small box models (emission density x residence time / box height) that shrink
with the day's ventilation, all thinned with altitude. Concentrations are µg/m3 of NO2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from tqdm import tqdm

from mmaq.simulate.world.emissions import VEHICLE
from mmaq.simulate.world.local import surroundings
from mmaq.simulate.world.weather import Transport, Weather
from mmaq.simulate.world.world import BACKGROUND, NO2_SHARE, World

MICROGRAMS = 46.0e6
"""µg per mol of NO2."""

SURFACE_SHARE = {"traffic": 1.0, "heating": 1.0, "industry": 0.8, "power": 0.35}
"""How much of a sector's column lies in the surface layer; stacks emit above it by night."""

GROUND_BACKGROUND = 1.5
"""µg/m3 that come from beyond the world."""

STREET_BOX = (11.0, 5.5, 6.0)
"""Residence time / box height in s/m of the boxes about a road, by ``local.SCALES``."""

HOUSE_BOX = 45.0
"""The same for the houses within some 250 m."""

INDUSTRY_BOX = 9.0
"""The same for industry, whose plume is ``INDUSTRY_SIGMA`` plus the site's radius wide."""

INDUSTRY_SIGMA = 350.0

NOTHING = 39.0
"""Beyond this many widths a plume's Gaussian, exp(-39^2 / 2), is 0 to the last bit."""

ALTITUDE = 1400.0
"""e-folding height in m of the concentration at the ground."""


@dataclass(frozen=True)
class Increments:
    """Local parts (n,) of the concentration in µg/m3 in the mean weather of the year."""

    street: np.ndarray
    houses: np.ndarray
    industry: np.ndarray


@dataclass(frozen=True)
class Air:
    """NO2 at points over days."""

    days: tuple[date, ...]
    surface: np.ndarray  # (days, n) µg/m3, daily means
    column: np.ndarray  # (n,) mol/m2, mean over the days


def no2_of_nox(nox: np.ndarray) -> np.ndarray:
    """NO2 in µg/m3 from NOx (as NO2): ozone runs short near sources.

    Romberg et al. (1996), Staub - Reinhalt. Luft 56, 215-218.
    """
    return nox * (103.0 / (nox + 130.0) + 0.005)


def local_increments(world: World, x: np.ndarray, y: np.ndarray, canyon: np.ndarray) -> Increments:
    """What streets, houses and industry near points (n,) add; ``canyon`` scales the street's."""
    about = surroundings(world, x, y)
    street = MICROGRAMS * VEHICLE * (about.street @ np.array(STREET_BOX)) * canyon
    heating = world.grid.sample(world.heating, x, y) * about.texture
    houses = MICROGRAMS * HOUSE_BOX * heating
    industry = np.zeros(len(x))
    seen = _apart(world.industry.x, x), _apart(world.industry.y, y)
    reach = NOTHING * (INDUSTRY_SIGMA + world.industry.radius)
    for site in np.flatnonzero(np.hypot(*seen) <= reach):
        sigma = INDUSTRY_SIGMA + world.industry.radius[site]
        square = (x - world.industry.x[site]) ** 2 + (y - world.industry.y[site]) ** 2
        density = world.industry.emission[site] / (2 * np.pi * sigma**2)
        industry += density * np.exp(-square / (2 * sigma**2))
    return Increments(street, houses, MICROGRAMS * INDUSTRY_BOX * industry)


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far each of ``one``, (m,), is from the range of ``other``, (n,), along an axis."""
    least, most = other.min(initial=np.inf), other.max(initial=-np.inf)
    return np.maximum(np.maximum(least - one, one - most), 0.0)


def breathe(
    world: World, x: np.ndarray, y: np.ndarray, canyon: np.ndarray, days: Sequence[date]
) -> Air:
    """Daily concentrations and the mean column at points (n,) in m."""
    local = local_increments(world, x, y, canyon)
    thin = np.exp(-world.elevation(x, y) / ALTITUDE)
    grid = world.emissions.grid
    surface, total = np.empty((len(days), len(x))), np.zeros(grid.shape)
    for i, (weather, layer, whole) in enumerate(_transported(world, days)):
        total += whole
        regional = MICROGRAMS * grid.sample(layer, x, y) / weather.mixing
        added = (
            weather.traffic * local.street + weather.heating * local.houses + local.industry
        ) / weather.ventilation
        surface[i] = no2_of_nox(GROUND_BACKGROUND + thin * (regional + added))
    column = BACKGROUND + grid.sample(total / len(days), x, y)
    return Air(tuple(days), surface, column)


def mean_air(world: World, x: np.ndarray, y: np.ndarray, days: Sequence[date]) -> np.ndarray:
    """Mean NO2 at the ground over days at points (n,) in m, of any number: (2, n) in ug/m3.

    First with and then without what streets add; walls hold street air back as much as they do at
    a typical station.
    """
    local = local_increments(world, x, y, np.ones(len(x)))
    thin = np.exp(-world.elevation(x, y) / ALTITUDE)
    grid, total = world.emissions.grid, np.zeros((2, len(x)))
    for weather, layer, _ in _transported(world, days):
        regional = MICROGRAMS * grid.sample(layer, x, y) / weather.mixing
        houses = weather.heating * local.houses + local.industry
        for row, street in enumerate((weather.traffic * local.street, 0.0)):
            added = (street + houses) / weather.ventilation
            total[row] += no2_of_nox(GROUND_BACKGROUND + thin * (regional + added))
    return total / len(days)


def _transported(
    world: World, days: Sequence[date]
) -> Iterator[tuple[Weather, np.ndarray, np.ndarray]]:
    """Of each day its weather, NOx of the surface layer and NO2 of the whole column, in mol/m2."""
    grid, fields = world.emissions.grid, world.emissions
    transport = Transport(grid.shape, grid.step)
    spectra = {name: transport.spectrum(getattr(fields, name)) for name in SURFACE_SHARE}
    low = {name: SURFACE_SHARE[name] * spectra[name] for name in spectra}
    for day in tqdm(days, desc="air", unit="day", disable=None):
        weather = world.weather(day)
        response = transport.response(weather.east_wind, weather.north_wind, weather.lifetime)
        demand = {"traffic": weather.traffic, "heating": weather.heating}
        near, whole = (
            sum(demand.get(name, 1.0) * part[name] for name in part) for part in (low, spectra)
        )
        layer = np.maximum(transport.column(near * response), 0.0)
        yield weather, layer, NO2_SHARE * np.maximum(transport.column(whole * response), 0.0)
