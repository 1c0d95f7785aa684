"""What an acquisition costs: bytes, requests, disk and time of each source, and how they add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mmaq.services.endpoints import Service

LINE = 12.5e6
"""Bytes a second of the user's own line that times assume: 100 Mbit/s."""

ANSWER = 0.2
"""Seconds to the first byte of an answer, as times assume."""

BLOCK = 65_536
"""Ranges are read in blocks of so many bytes."""

TILE = 1024
"""Pixels along a side of a cloud-optimised GeoTIFF's tile."""

SIDE_M = 109_800
"""Metres along a side of a Sentinel-2 tile."""

FULL = 0.75
"""Share of a GeoTIFF with overviews that its full resolution takes."""

TILE_BYTES = {"band": 1.5e6, "SCL": 0.1e6}
"""Of one full tile where the file's size is not stated: 1.4 bytes a pixel in a scene of Earth
Search (S2A_29RKH_20200219), and for the classification more than its 0.02, which is desert."""

CUT_BYTES = 0.4e6
"""What a site's windows take in the archive: 12 bands and SCL in sparse blocks of 128 pixels."""

MAP_BYTES = {"dem": 30e6, "land_cover": 60e6, "population": 0.3e9}
"""Of one file where its size is not stated: a tile of elevation (1 degree) or of cover (3 degrees),
of which windows take at most the whole, and the map of people."""

NATIVE_M = {
    "B01": 60, "B02": 10, "B03": 10, "B04": 10, "B05": 20, "B06": 20, "B07": 20, "B08": 10,
    "B8A": 20, "B09": 60, "B11": 20, "B12": 20, "SCL": 20,
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """One source. Bytes: ``fetched``, ``kept`` on disk, and ``passing`` on disk while it runs.

    ``unknown`` says what the figures leave out.
    """

    source: str
    service: Service
    products: int
    fetched: float
    requests: int
    kept: float
    passing: float
    unknown: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Time at the limits of the service and of the line."""
        service = self.service
        own = service.connections * (service.megabytes_per_second or LINE / 1e6) * 1e6
        waiting = self.requests * ANSWER / service.connections
        if service.per_minute is not None:
            waiting = max(waiting, self.requests / service.per_minute * 60.0)
        return max(self.fetched / min(own, LINE), waiting)


@dataclass(frozen=True)
class Total:
    """Sums over the sources; ``disk`` is the most that lies there at one time, ``seconds`` the
    time of one source after the other."""

    products: int
    fetched: float
    requests: int
    disk: float
    seconds: float


def total(costs: Iterable[Cost]) -> Total:
    """Sums over the sources."""
    listed = list(costs)
    return Total(
        sum(cost.products for cost in listed), sum(cost.fetched for cost in listed),
        sum(cost.requests for cost in listed),
        sum(cost.kept + cost.passing for cost in listed),
        sum(cost.seconds for cost in listed),
    )  # fmt: skip


def window_cost(band: str, side_m: float, size: float | None) -> tuple[float, float]:
    """Bytes and requests of one window in one file, its header not counted.

    A window of n pixels touches (1 + (n - 1) / 1024)^2 tiles on average. ``size`` is the file's,
    in bytes. Each tile comes in whole blocks, of which its ends cost one more.
    """
    pixels = side_m / NATIVE_M[band]
    touched = (1.0 + max(pixels - 1.0, 0.0) / TILE) ** 2
    tiles = -((-SIDE_M // (NATIVE_M[band] * TILE)) ** 2)
    known = FULL * size / abs(tiles) if size else TILE_BYTES["SCL" if band == "SCL" else "band"]
    return touched * (known + BLOCK), touched


def header_cost() -> tuple[float, int]:
    """Bytes and requests of opening one file: its first block."""
    return float(BLOCK), 1


def readable(count: float) -> str:
    """Bytes in words, decimal: "1.4 TB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if count >= 99.5 or unit == "B" else f"{count:.1f} {unit}"
        count /= 1000.0
    return f"{count:.1f} TB"


def lasting(seconds: float) -> str:
    """A time in words: "3 min", "4.2 h", "12 days"."""
    if seconds < 3600:
        return f"{max(seconds / 60, 1):.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86_400 else f"{seconds / 86_400:.1f} days"
