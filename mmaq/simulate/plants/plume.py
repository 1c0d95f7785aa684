"""The visible plume: vapour and smoke that the wind carries away.

Vapour follows the Gaussian plume: at a distance x downwind of a source of Q kg/s the excess over
the air is C = Q / (2 pi u sy sz) exp(-y^2 / 2 sy^2 - z^2 / 2 sz^2), with the spreads sy, sz of
Briggs (1973, Diffusion estimation for small emissions, ATDL contribution 79, NOAA; open country,
neutral air) added to the source's own radius. It is seen where C
exceeds the air's saturation deficit D, and what exceeds it is droplets: their column is the
integral of max(0, C - D) over z. So plumes are long in cold, damp and slow air, and summer's
warmth eats them.
Smoke is not eaten; it thins out and scatters blue more than red.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from mmaq.simulate.sensors.spectra import CLOUD, WAVELENGTHS

DROPLET = 8e-6
"""Effective radius of the droplets in m."""

WATER = 1000.0
"""Density of water, kg/m3."""

MIXING = 0.4
"""Share of the deficit that a warm plume has to make good: saturation rises faster than the
temperature, so that warm damp air mixed with cold dry air is damper than their mean."""

CONDENSED = 0.25
"""Share of the excess that becomes droplets: the rest stays vapour of the warmer plume."""

BACKSCATTER = 0.15
"""1 - g of droplets, g being the asymmetry of their scattering."""

SMOKE_EXTINCTION = 4.0
"""m2/g of fine aerosol at 0.55 um."""

SMOKE = np.array(
    [1500, 1520, 1540, 1560, 1570, 1580, 1585, 1590, 1600, 1600, 1500, 1300],
    np.float32,
)
"""Reflectance x 10000 of opaque smoke."""

WHITE = 1.25
"""Brightness of opaque droplets in units of a cloud's: they are young and dense."""

SHORTEST = 1.0
"""Least distance in m at which the formula is used."""


@dataclass(frozen=True)
class Air:
    """Air about a plant: wind towards the east and north (m/s), K, and relative humidity (%)."""

    east_wind: float
    north_wind: float
    temperature: float
    humidity: float

    @property
    def speed(self) -> float:
        """Wind at the height of the plume, m/s, at least a draught."""
        return max(1.0, float(np.hypot(self.east_wind, self.north_wind)))

    @property
    def deficit(self) -> float:
        """What the air can still take up, kg/m3: saturation (Magnus) less what it holds."""
        celsius = self.temperature - 273.15
        pressure = 611.2 * np.exp(17.62 * celsius / (243.12 + celsius))
        return float(pressure / (461.5 * self.temperature) * (1 - self.humidity / 100))


@dataclass(frozen=True)
class Source:
    """A place (m east and north of the scene's centre) that emits ``water`` kg/s, ``smoke`` g/s."""

    east: float
    north: float
    radius: float
    water: float
    smoke: float


def opacity(
    sources: list[Source], air: Air, east: np.ndarray, north: np.ndarray, puffs: np.ndarray,
    sway: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """How much of the ground droplets and smoke hide, each (...), 0 to 1; smoke at 0.55 um.

    Args:
        sources: what emits.
        air: wind, temperature, humidity.
        east: of the pixels, m from the scene's centre.
        north: likewise.
        puffs: turbulence, noise of mean 0 and deviation 1 on the pixels.
        sway: phase (radians) and wavelength (m) of the meandering.
    """
    drops, smoke = np.zeros_like(east), np.zeros_like(east)
    to_east, to_north = air.east_wind / air.speed, air.north_wind / air.speed
    gusts = np.exp(0.3 * puffs - 0.045)
    for source in sources:
        x = (east - source.east) * to_east + (north - source.north) * to_north
        y = (north - source.north) * to_east - (east - source.east) * to_north
        wide, high = spreads(x, source.radius)
        middle = 0.35 * (wide - source.radius) * np.sin(2 * np.pi * x / sway[1] + sway[0])
        beside = np.exp(-0.5 * ((y - middle) / wide) ** 2)
        # The source is no point: its edge, and not a line, is where the plume begins.
        begun = np.clip(0.5 + (x + source.radius) / 10.0, 0, 1)
        peak = gusts * begun * beside / (2 * np.pi * air.speed * wide * high)
        drops += droplet_column(source.water * peak, high, MIXING * air.deficit)
        smoke += source.smoke * peak * high * np.sqrt(2 * np.pi)
    depth = 1.5 * drops / (WATER * DROPLET)
    scattered = BACKSCATTER * depth
    return scattered / (2 + scattered), 1 - np.exp(-SMOKE_EXTINCTION * smoke)


def spreads(x: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Horizontal and vertical deviation in m at ``x`` m downwind (Briggs 1973, class D)."""
    away = np.maximum(x, SHORTEST)
    wide = 0.08 * away / np.sqrt(1 + 1e-4 * away)
    high = 0.06 * away / np.sqrt(1 + 1.5e-3 * away)
    return wide + radius, high + radius


def droplet_column(peak: np.ndarray, high: np.ndarray, deficit: float) -> np.ndarray:
    """Droplets in kg/m2: max(0, C - D) over all z, with C = peak exp(-z^2 / 2 high^2)."""
    ratio = np.maximum(peak / max(deficit, 1e-9), 1.0)
    top = np.sqrt(2 * np.log(ratio))  # in units of ``high``
    whole = peak * np.sqrt(2 * np.pi) * erf(top / np.sqrt(2)) - 2 * deficit * top
    return CONDENSED * high * np.maximum(whole, 0.0) * (ratio > 1.0)


def lay_over(surface: np.ndarray, drops: np.ndarray, smoke: np.ndarray) -> np.ndarray:
    """Reflectance x 10000 (..., 12) of a surface under droplets and smoke, each (...) opacity.

    Droplets have a cloud's colour; smoke's depth falls with the wavelength to the power 1.5.
    """
    slope = ((0.55 / WAVELENGTHS) ** 1.5).astype(np.float32)
    depth = np.log(np.clip(1 - smoke, 1e-6, 1)).astype(np.float32)[..., None] * slope
    veiled = SMOKE + (surface - SMOKE) * np.exp(depth)
    hidden = drops.astype(np.float32)[..., None]
    return veiled + (WHITE * CLOUD.astype(np.float32) - veiled) * hidden
