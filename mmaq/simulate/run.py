"""The stage ``simulate``: make the country and write its raw archive (contract 1)."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import numpy as np

from mmaq.config.data import Period, Simulate
from mmaq.simulate.ancillary import write_ancillary
from mmaq.simulate.measuring import measure
from mmaq.simulate.sensors import write_sentinel2, write_sentinel5p
from mmaq.simulate.stations import write_stations
from mmaq.simulate.truth import write_truth
from mmaq.simulate.world import World, make_world
from mmaq.simulate.world.air import breathe

log = logging.getLogger(__name__)


def simulate(config: Simulate, period: Period, root: Path, workers: int) -> None:
    """Write the five collections of the archive ``root`` with ``workers`` processes.

    The same configuration and period give the same bytes, whatever ``workers`` is.

    Raises:
        ConfigError: the land has no room for the sites asked for.
    """
    world = make_world(config, period)
    log.info("%d sites, %d roads on %g km", len(world.sites), len(world.roads), config.extent_km)
    write_ancillary(world, root)
    write_ground(world, period, root)
    write_sentinel2(world, config, period, root, workers)
    write_sentinel5p(world, config, period, root, workers)
    log.info("raw archive written to %s", root)


def write_ground(world: World, period: Period, root: Path) -> None:
    """Write what stations measure, and the truth behind it."""
    days = [period.start + timedelta(n) for n in range((period.end - period.start).days + 1)]
    stations = world.sites[world.sites["labelled"]].reset_index(drop=True)
    x, y, canyon = (stations[name].to_numpy() for name in ("x", "y", "canyon"))
    air = breathe(world, x, y, canyon, days)
    measured = measure(air, np.random.default_rng([world.seed, 11]))
    write_stations(world.sites, measured, root)
    write_truth(world, stations, air, measured, root)
