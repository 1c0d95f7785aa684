"""Make the simulated country: every field in its order, then the sites."""

from __future__ import annotations

import numpy as np

from mmaq.config.data import Period, Simulate
from mmaq.simulate.world.emissions import make_emissions, make_heating
from mmaq.simulate.world.grid import square
from mmaq.simulate.world.land import make_elevation, make_land
from mmaq.simulate.world.pieces import cut_roads
from mmaq.simulate.world.roads import make_roads
from mmaq.simulate.world.settlements import make_population, make_settlements
from mmaq.simulate.world.siting import make_sites
from mmaq.simulate.world.sources import make_industry, make_power_plants
from mmaq.simulate.world.weather import weather_of_year
from mmaq.simulate.world.world import World

STEP = 500.0
"""Cell of the coarse fields in m."""


def make_world(config: Simulate, period: Period) -> World:
    """Make the country of ``config.seed``. The same seed and extent give the same arrays.

    The weather of a day follows from the seed and its date, whatever else ``period`` holds.

    Raises:
        ConfigError: the land has no room for the sites asked for.
    """
    grid = square(config.extent_km, STEP)
    terrain, people, network, works, ground, places = (
        np.random.default_rng([config.seed, config.world_version, part]) for part in range(6)
    )
    elevation = make_elevation(grid, terrain)
    settlements = make_settlements(grid, elevation, people)
    population = make_population(grid, elevation, settlements, people)
    industry = make_industry(grid, elevation, settlements, works)
    plants = make_power_plants(grid, elevation, settlements, works)
    roads = make_roads(grid, elevation, population, settlements, network)
    pieces = cut_roads(roads, grid)
    land = make_land(grid, elevation, population, industry, ground)
    heating = make_heating(grid, population, ground)
    emissions = make_emissions(grid, heating, pieces, roads.volume, industry, plants)
    years = {
        year: weather_of_year(config.seed, year)
        for year in range(period.start.year, period.end.year + 1)
    }
    world = World(
        config.seed, grid, elevation, population, settlements, roads, pieces, industry, plants,
        land, heating, emissions, years,
    )  # fmt: skip
    world.sites = make_sites(world, config.stations, config.unlabelled, places)
    return world
