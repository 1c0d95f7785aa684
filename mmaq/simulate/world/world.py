"""The simulated country, version 1: fields of the land and its air, all from one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from affine import Affine

from mmaq.base.errors import ConfigError
from mmaq.simulate.world.cover import cover_points, greenness_points
from mmaq.simulate.world.emissions import Emissions
from mmaq.simulate.world.grid import CRS, Grid
from mmaq.simulate.world.land import Land
from mmaq.simulate.world.pieces import CELL, Pieces
from mmaq.simulate.world.roads import Roads
from mmaq.simulate.world.settlements import Settlements
from mmaq.simulate.world.sources import Industry, PowerPlants
from mmaq.simulate.world.weather import Transport, Weather

NO2_SHARE = 0.75
"""NO2 / NOx in the column about noon."""

BACKGROUND = 0.7e-5
"""Tropospheric column in mol/m2 that comes from beyond the world."""


@dataclass
class World:
    """Everything about the country that a sensor or a station can meet. Picklable."""

    seed: int
    grid: Grid
    elevation_field: np.ndarray
    population: np.ndarray
    settlements: Settlements
    roads: Roads
    pieces: Pieces
    industry: Industry
    plants: PowerPlants
    land: Land
    heating: np.ndarray
    emissions: Emissions
    years: dict[int, list[Weather]]
    sites: pd.DataFrame = field(default_factory=pd.DataFrame)

    crs = CRS

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in m."""
        side = self.grid.step * self.grid.rows
        west, north = self.grid.west, self.grid.north
        return west, north - side, west + side, north

    @property
    def key(self) -> int:
        """Key of the lattice noise."""
        return 1000 * (self.seed + 1)

    def elevation(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height above the sea in m at points (n,); 0 on water."""
        return np.maximum(self.grid.sample(self.elevation_field, x, y), 0.0)

    def cover(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Shares (n, len(COVER)) float32 of the 10 m pixels centred on the points; they sum to 1.

        ``x``, ``y`` are eastings and northings in m. Points beyond the world take the coarse
        fields of its edge and meet no road.
        """
        pieces, industry = self.pieces, self.industry
        sites = np.column_stack(
            [industry.x - self.grid.west, self.grid.north - industry.y, industry.radius]
        )
        east, south = self.relative(x, y)
        return cover_points(
            east, south, self.grid.step, self.elevation_field, self.land.building,
            self.land.forest, self.land.crop, self.land.industry, sites, CELL, pieces.first,
            pieces.xa, pieces.ya, pieces.xb, pieces.yb, pieces.road, self.roads.width, self.key,
        )  # fmt: skip

    def greenness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Vigour (n,) of the vegetation in 0..1, the same on every day."""
        return greenness_points(*self.relative(x, y), self.key)

    def wind(self, day: date) -> tuple[float, float]:
        """Wind towards the east and the north in m/s on a day."""
        weather = self.weather(day)
        return weather.east_wind, weather.north_wind

    def weather(self, day: date) -> Weather:
        """The weather of a day of the period's years.

        Raises:
            ConfigError: the day lies in another year.
        """
        if day.year not in self.years:
            known = ", ".join(map(str, self.years))
            raise ConfigError("period", f"{day} lies outside {known}", "Widen the period")
        return self.years[day.year][day.timetuple().tm_yday - 1]

    def column(self, day: date) -> tuple[np.ndarray, Affine]:
        """Tropospheric NO2 column of a day and the affine transform of its grid.

        float64 (rows, columns) in mol/m2 on cells of 2 km, row 0 in the north.
        """
        weather, fields = self.weather(day), self.emissions
        emission = (
            weather.traffic * fields.traffic
            + weather.heating * fields.heating
            + fields.industry
            + fields.power
        )
        transport = Transport(fields.grid.shape, fields.grid.step)
        response = transport.response(weather.east_wind, weather.north_wind, weather.lifetime)
        nox = transport.column(transport.spectrum(emission) * response)
        return BACKGROUND + NO2_SHARE * np.maximum(nox, 0.0), fields.grid.transform

    def relative(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Metres east and south of the north-western corner, as the compiled loops take them."""
        east = np.ascontiguousarray(np.asarray(x, dtype=np.float64) - self.grid.west)
        return east, np.ascontiguousarray(self.grid.north - np.asarray(y, dtype=np.float64))
