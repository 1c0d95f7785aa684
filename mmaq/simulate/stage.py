"""The stages ``simulate`` and ``simulate_plants``: a raw archive, and scenes of power plants."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mmaq.base.errors import ConfigError
from mmaq.base.files import replacing
from mmaq.config.data import Period, Simulate
from mmaq.config.transfer import Transfer
from mmaq.simulate.ancillary import write_ancillary
from mmaq.simulate.area import Seen, choose_area
from mmaq.simulate.plants.ground import make_ground
from mmaq.simulate.plants.plant import Plant, draw_plants
from mmaq.simulate.plants.scene import take_scene
from mmaq.simulate.plants.write import write_labels, write_scene
from mmaq.simulate.sensors.sentinel2 import write_sentinel2
from mmaq.simulate.sensors.sentinel5p import write_sentinel5p
from mmaq.simulate.stations import measure, write_stations
from mmaq.simulate.truth import write_truth
from mmaq.simulate.world.air import breathe
from mmaq.simulate.world.make import make_world
from mmaq.simulate.world.world import World

KEY = 71
"""Marks the random numbers of the plants among those of the seed."""

PARTS = {"training/300x300": (0.05, 300), "validation": (0.25, 120), "training/120x120": (1.0, 120)}
"""Folder: share of the plants up to which it holds them, and pixels a side."""

log = logging.getLogger(__name__)


def simulate(*, config: Simulate, period: Period, archive: Path, workers: int) -> None:
    """Write the five collections of the archive ``archive`` with ``workers`` processes.

    The same configuration and period give the same bytes, whatever ``workers`` is.

    Raises:
        ConfigError: the land has no room for the sites asked for.
    """
    world = make_world(config, period)
    area = choose_area(world, config.area_km) if config.area_km else None
    log.info("%d sites, %d roads on %g km", len(world.sites), len(world.roads), config.extent_km)
    write_ancillary(world, archive)
    write_ground(world, period, archive, area)
    whole = None if area is None else area.windows()
    write_sentinel2(world, config, period, archive, workers, whole)
    write_sentinel5p(world, config, period, archive, workers)
    log.info("raw archive written to %s", archive)


def write_ground(world: World, period: Period, root: Path, area: Seen | None = None) -> None:
    """Write what stations measure, and the truth behind it, there and in an area."""
    days = [period.start + timedelta(n) for n in range((period.end - period.start).days + 1)]
    stations = world.sites[world.sites["labelled"]].reset_index(drop=True)
    x, y, canyon = (stations[name].to_numpy() for name in ("x", "y", "canyon"))
    air = breathe(world, x, y, canyon, days)
    measured = measure(air, np.random.default_rng([world.seed, 11]))
    write_stations(world.sites, measured, root)
    write_truth(world, stations, air, measured, root, area)


def simulate_plants(*, config: Simulate, period: Period, transfer: Transfer, scenes: Path) -> None:
    """Write ``transfer.scenes`` scenes of ``transfer.plants`` plants to the folder ``scenes``.

    The same configuration and period give the same bytes. The folder appears whole or not at all.

    Raises:
        ConfigError: the land has no room for so many plants, or the period too few days.
    """
    # The country alone is wanted: its sites do not change its land, and take time.
    world = make_world(config.model_copy(update={"stations": 1, "unlabelled": 0}), period)
    plants = draw_plants(world, transfer.plants, np.random.default_rng([config.seed, KEY]))
    counts = np.full(len(plants), transfer.scenes // len(plants))
    counts[: transfer.scenes % len(plants)] += 1
    with replacing(scenes) as temporary:
        temporary.mkdir(parents=True)
        rows: list[dict[str, object]] = []
        for plant, count in zip(tqdm(plants, desc="plants", disable=None), counts, strict=True):
            rows += _write_plant(
                world, plant, int(count), len(plants), period, temporary, len(rows)
            )
        write_labels(temporary, rows)
    log.info("%d scenes of %d plants written to %s", len(rows), len(plants), scenes)


def _write_plant(
    world: World, plant: Plant, count: int, plants: int, period: Period, root: Path, first: int
) -> list[dict[str, object]]:
    rng = np.random.default_rng([world.seed, KEY, plant.number])
    share = (plant.number + 0.5) / plants
    part, (_, side) = next(item for item in PARTS.items() if share < item[1][0])
    ground = make_ground(world, plant, side, rng)
    return [
        write_scene(root, part, first + number, take_scene(world, plant, ground, day, rng), ground)
        for number, day in enumerate(_days(period, count, rng))
    ]


def _days(period: Period, count: int, rng: np.random.Generator) -> list[date]:
    """Different days of the period."""
    length = (period.end - period.start).days + 1
    if count > length:
        fault = f"the period's {length} days are fewer than the {count} scenes of a plant"
        raise ConfigError("configuration", fault, "Lengthen it or lower transfer.scenes")
    chosen = rng.choice(length, count, replace=False)
    return [period.start + timedelta(days=int(day)) for day in np.sort(chosen)]
