"""When Sentinel-2 sees a tile, and what the sky is like then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cached_property

import numpy as np

from mmaq.base.errors import ConfigError
from mmaq.config.data import Period
from mmaq.simulate.sensors.scenery import Tile, rng_of
from mmaq.simulate.sensors.spectra import sun_angles

PASSES = {
    108: (date(2017, 8, 18), "10:30:21"),
    65: (date(2018, 4, 12), "10:20:21"),
}
"""Relative orbit: a day on which Sentinel-2A flew it, and its time over these latitudes."""

WEST_OF = 500_000.0
"""Tiles that start west of this easting (m) are seen from orbit 108, the others from 65."""

REVISIT = 5
"""Days from a pass of Sentinel-2A to the next of Sentinel-2B on the same orbit."""

BASELINE = "05.00"


@dataclass(frozen=True)
class Scene:
    """One product: a tile on a date. ``cloud`` is the share of the tile under cloud, 0 to 1."""

    tile: Tile
    time: datetime
    satellite: str  # S2A or S2B
    orbit: int
    cloud: float
    key: tuple[int, ...]  # of every random draw that belongs to the scene

    @property
    def id(self) -> str:
        """Official product name without suffix."""
        processed = self.time + timedelta(hours=3, minutes=29, seconds=39)
        return (
            f"{self.satellite}_MSIL2A_{self.time:%Y%m%dT%H%M%S}_N{BASELINE.replace('.', '')}"
            f"_R{self.orbit:03d}_T{self.tile.name}_{processed:%Y%m%dT%H%M%S}"
        )

    @cached_property
    def sun(self) -> tuple[float, float]:
        """Zenith angle and azimuth of the sun over the tile's centre, degrees."""
        west, south, east, north = self.tile.bbox
        zenith, azimuth = sun_angles(self.time, (south + north) / 2, (west + east) / 2)
        return float(zenith), float(azimuth)

    @property
    def day_of_year(self) -> int:
        """1 to 366."""
        return self.time.timetuple().tm_yday


def scenes_of(tile: Tile, seed: int, period: Period, count: int) -> list[Scene]:
    """``count`` scenes of a tile, one in each equal part of the period, mostly April to October.

    The sky of one of them is nearly clear; of the others about a third are bad (60 to 98 % cloud)
    and the rest anything up to half covered.

    Raises:
        ConfigError: the satellites pass less often than that in the period.
    """
    orbit = 108 if tile.west < WEST_OF - 1000 else 65
    days = passes(orbit, period)
    if len(days) < count:
        fault = f"the period holds {len(days)} Sentinel-2 passes, simulate.scene_dates is {count}"
        raise ConfigError("configuration", fault, "Lengthen the period or lower scene_dates")
    key = (seed, 61, *tile.name.encode())
    rng = rng_of(*key)
    chosen = []
    for part in np.array_split(np.array([day.toordinal() for day in days]), count):
        season = np.array([date.fromordinal(day).timetuple().tm_yday for day in part.tolist()])
        weight = 0.05 + np.exp(-(((season - 180) / 75.0) ** 2))
        chosen.append(int(rng.choice(part, p=weight / weight.sum())))
    good = int(rng.integers(count))
    scenes = []
    for number, ordinal in enumerate(chosen):
        cloud = _cloud(rng, good=number == good)
        scenes.append(_scene(tile, orbit, date.fromordinal(ordinal), cloud, (*key, ordinal)))
    return scenes


def passes(orbit: int, period: Period) -> list[date]:
    """Days of the period on which Sentinel-2A or 2B flies a relative orbit."""
    reference = PASSES[orbit][0]
    first = (reference - period.start).days % REVISIT
    length = (period.end - period.start).days + 1
    return [period.start + timedelta(days=day) for day in range(first, length, REVISIT)]


def _cloud(rng: np.random.Generator, *, good: bool) -> float:
    kind, amount = rng.uniform(size=2)
    if good:
        return float(0.12 * amount)
    return float(0.6 + 0.38 * amount) if kind < 0.35 else float(0.5 * amount)


def _scene(tile: Tile, orbit: int, day: date, cloud: float, key: tuple[int, ...]) -> Scene:
    reference, clock = PASSES[orbit]
    satellite = "S2A" if (day - reference).days % (2 * REVISIT) == 0 else "S2B"
    time = datetime.fromisoformat(f"{day.isoformat()}T{clock}").replace(tzinfo=timezone.utc)
    return Scene(tile, time, satellite, orbit, cloud, key)
