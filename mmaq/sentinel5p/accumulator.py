"""Sums of footprints on a grid: one granule at a time, in memory that depends on the grid alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from mmaq.errors import ProductError
from mmaq.sentinel5p.cells import add_cells, empty_cells
from mmaq.sentinel5p.granule import Footprints, Granule
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.overlap import add_footprints

FAULTS = ("a missing or impossible corner", "crossing sides or no area", "a pole within")
"""Why the kernel refuses a footprint, in the order of its counts."""


@dataclass
class Accumulator:
    """The sums over footprints in ``cells`` (rows, columns) of ``CELL``, row 0 south.

    ``granules`` were added; ``broken`` says why others were not, by name. ``pixels`` counts all
    pixels of the granules, ``used`` those on the grid, ``refused`` those of impossible shape by
    reason. Any order and grouping of granules gives the same sums but for rounding.
    """

    grid: RegularGrid
    cells: np.ndarray
    granules: list[Granule] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    units: str = ""
    standard_name: str = ""
    pixels: int = 0
    used: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @classmethod
    def empty(cls, grid: RegularGrid) -> Accumulator:
        """Sums of nothing."""
        return cls(grid, empty_cells(grid.shape))

    def add(self, footprints: Footprints) -> None:
        """Add a granule.

        Raises:
            ProductError: its units differ from those before, or it was added already.
        """
        self._describe([footprints.granule], footprints.units, footprints.standard_name)
        used, *refused = self._add(footprints)
        self.used += used
        self.refused += Counter(dict(zip(FAULTS, refused, strict=True)))
        self.pixels += footprints.pixels

    def load_kernel(self) -> None:
        """Load the compiled kernel: early, because loading takes memory that reading can reuse."""
        corners, values = np.empty((0, 4), np.float32), np.empty(0)
        about = Granule(""), "", "", 0
        self._add(Footprints(*about, corners, corners, values, values, values))

    def merge(self, other: Accumulator) -> None:
        """Add the sums of another accumulator of the same grid; faults as for ``add``."""
        if other.grid != self.grid:
            raise ValueError(f"{other.grid} is not {self.grid}")
        self._describe(other.granules, other.units, other.standard_name)
        add_cells(self.cells, other.cells)
        self.broken |= other.broken
        self.used += other.used
        self.refused += other.refused
        self.pixels += other.pixels

    def mean(self) -> np.ndarray:
        """Sum of w v over sum of w; NaN where no footprint touches the cell."""
        return self._over_weight(self.cells["weighted"])

    def standard_error(self) -> np.ndarray:
        """Of the mean, from the precision, if the errors of footprints are uncorrelated.

        The square root of the sum of (w sigma)^2, over the sum of w. NaN where a footprint of the
        cell has no precision, rather than too small.
        """
        return self._over_weight(np.sqrt(self.cells["variance"]))

    def correlated_error(self) -> np.ndarray:
        """Of the mean, from the precision, if the errors of footprints are the same error.

        The sum of w sigma over the sum of w, which no number of observations makes smaller. With
        a correlation c between any two errors, the error is the root of (1 - c) times the square
        of ``standard_error`` plus c times the square of this.
        """
        return self._over_weight(self.cells["deviation"])

    def spread(self) -> np.ndarray:
        """Weighted standard deviation of the footprints' values around the mean."""
        return np.sqrt(self._over_weight(self.cells["scatter"]))

    def _add(self, footprints: Footprints) -> tuple[int, ...]:
        return add_footprints(
            footprints.longitude, footprints.latitude, footprints.value, footprints.sigma,
            footprints.time, self.grid.west, self.grid.south, self.grid.resolution,
            self.grid.area == "sphere", self.grid.row_heights(), self.cells,
        )  # fmt: skip

    def _over_weight(self, numerator: np.ndarray) -> np.ndarray:
        weight = self.cells["weight"]
        out = np.full(self.grid.shape, np.nan)
        return np.divide(numerator, weight, out=out, where=weight > 0)

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
