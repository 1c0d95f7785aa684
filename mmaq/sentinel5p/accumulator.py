"""Sums of footprints on a grid: one granule at a time, in memory that depends on the grid alone."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mmaq.errors import ProductError
from mmaq.sentinel5p.granule import Footprints, Granule
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.overlap import add_footprints


@dataclass
class Accumulator:
    """The sums over footprints, each (rows, columns), row 0 south.

    ``weight`` sums w, the share of the cell that a footprint covers; ``weighted`` sums w v;
    ``variance`` sums (w sigma)^2; ``count`` counts footprints. ``used``, ``refused`` and ``pixels``
    count footprints on the grid, malformed ones, and all pixels read. Any order and grouping of
    granules gives the same sums but for rounding.
    """

    grid: RegularGrid
    weight: np.ndarray
    weighted: np.ndarray
    variance: np.ndarray
    count: np.ndarray
    granules: list[Granule] = field(default_factory=list)
    units: str = ""
    standard_name: str = ""
    used: int = 0
    refused: int = 0
    pixels: int = 0

    @classmethod
    def empty(cls, grid: RegularGrid) -> Accumulator:
        """Sums of nothing."""
        weight, weighted, variance = (np.zeros(grid.shape) for _ in range(3))
        return cls(grid, weight, weighted, variance, np.zeros(grid.shape, np.int32))

    def add(self, footprints: Footprints) -> None:
        """Add a granule.

        Raises:
            ProductError: its units differ from those before, or it was added already.
        """
        self._describe([footprints.granule], footprints.units, footprints.standard_name)
        used, refused = add_footprints(
            footprints.longitude, footprints.latitude, footprints.value, footprints.sigma,
            self.grid.west, self.grid.south, self.grid.resolution,
            self.weight, self.weighted, self.variance, self.count,
        )  # fmt: skip
        self.used += used
        self.refused += refused
        self.pixels += footprints.pixels

    def merge(self, other: Accumulator) -> None:
        """Add the sums of another accumulator of the same grid; faults as for ``add``."""
        if other.grid != self.grid:
            raise ValueError(f"{other.grid} is not {self.grid}")
        self._describe(other.granules, other.units, other.standard_name)
        for name in ("weight", "weighted", "variance", "count"):
            getattr(self, name)[...] += getattr(other, name)
        self.used += other.used
        self.refused += other.refused
        self.pixels += other.pixels

    def mean(self) -> np.ndarray:
        """Sum of w v over sum of w; NaN where no footprint touches the cell."""
        return self._over_weight(self.weighted)

    def standard_error(self) -> np.ndarray:
        """Of the mean, from the precision alone, footprints taken as uncorrelated.

        The square root of the sum of (w sigma)^2, over the sum of w. NaN where a footprint of the
        cell has no precision, rather than too small.
        """
        return self._over_weight(np.sqrt(self.variance))

    def _over_weight(self, numerator: np.ndarray) -> np.ndarray:
        out = np.full(self.grid.shape, np.nan)
        return np.divide(numerator, self.weight, out=out, where=self.weight > 0)

    def _describe(self, granules: list[Granule], units: str, standard_name: str) -> None:
        if not granules:
            return
        known = {granule.name for granule in self.granules}
        for granule in granules:
            if granule.name in known:
                raise ProductError(granule.name, "the granule is given twice", "Give it once")
        if self.granules and units != self.units:
            fault = f"its unit {units!r} differs from the {self.units!r} of the granules before"
            raise ProductError(granules[0].name, fault, "Give granules of one kind")
        self.granules += granules
        self.units, self.standard_name = units, standard_name
