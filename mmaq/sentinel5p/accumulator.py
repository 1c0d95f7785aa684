"""Sums of footprints on a grid, one granule at a time, in memory that depends on the grid alone.

Granules are read ahead in threads and broken ones are left out; two sums become one.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from tqdm import tqdm

from mmaq.base.errors import MmaqError, ProductError
from mmaq.base.files import sha256
from mmaq.base.pools import working
from mmaq.config.data import Grid
from mmaq.contracts.archive import Asset
from mmaq.sentinel5p.granule import Footprints, Granule
from mmaq.sentinel5p.grid import RegularGrid
from mmaq.sentinel5p.overlap import add_footprints
from mmaq.sentinel5p.reader import read_granule

FAULTS = ("a missing or impossible corner", "crossing sides or no area", "a pole within")
"""Why the kernel refuses a footprint, in the order of its counts."""

CELL = np.dtype(
    [
        ("weight", "f8"),  # sum of w, the share of the cell that a footprint covers
        ("weighted", "f8"),  # sum of w v
        ("scatter", "f8"),  # sum of w (v - mean)^2
        ("variance", "f8"),  # sum of (w sigma)^2
        ("deviation", "f8"),  # sum of w sigma
        ("count", "i8"),  # footprints that touch the cell
        ("first", "f8"),  # earliest and latest observation, seconds since 2010-01-01 UTC
        ("last", "f8"),
    ]
)
"""One cell: 64 bytes, so that a footprint touches one line of the processor's cache a cell."""

Reading = Callable[[], Footprints]
"""Gives a granule's footprints, or raises its fault."""

log = logging.getLogger(__name__)


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
        # Pieces of one granule have its name, and contents of their own.
        known = {(granule.name, granule.checksum) for granule in self.granules}
        for granule in granules:
            if (granule.name, granule.checksum) in known:
                raise ProductError(granule.name, "the granule is given twice", "Give it once")
        if self.granules and units != self.units:
            fault = f"its unit {units!r} differs from the {self.units!r} of the granules before"
            raise ProductError(granules[0].name, fault, "Give granules of one kind")
        self.granules += granules
        self.units, self.standard_name = units, standard_name


def accumulate(sources: Sequence[Asset], config: Grid, sums: Accumulator, workers: int = 1) -> None:
    """Add granules to ``sums`` in their order, so that the result is that of any ``workers``.

    A broken granule is left out and noted in ``sums.broken``, unless ``config.strict``.

    Raises:
        MmaqError: ``config.strict``, and a granule is broken; its fault.
    """
    sums.load_kernel()
    ahead = _read_ahead(sources, config, workers) if workers > 1 else _read_each(sources, config)
    for source, read in zip(tqdm(sources, "granules", disable=None), ahead, strict=True):
        try:
            sums.add(read())
        except MmaqError as error:
            if config.strict:
                raise
            log.warning("refused: %s", error)
            sums.broken[source.path.name] = f"{error.fault}. {error.remedy}"


def _read_each(sources: Sequence[Asset], config: Grid) -> Iterator[Reading]:
    for source in sources:
        yield partial(_read, source, config)


def _read_ahead(sources: Sequence[Asset], config: Grid, workers: int) -> Iterator[Reading]:
    """At most one granule more than ``workers`` is held at a time."""
    with working(ThreadPoolExecutor(workers, "granule")) as pool:
        ahead: deque[Future[Footprints]] = deque()
        for source in sources:
            ahead.append(pool.submit(_read, source, config))
            if len(ahead) > workers:
                yield ahead.popleft().result
        while ahead:
            yield ahead.popleft().result


def _read(source: Asset, config: Grid) -> Footprints:
    source.verify()
    footprints = read_granule(source.path, config, source.sha256 or "")
    if source.sha256 is not None:
        return footprints
    # Without a catalogue, what tells a piece of a granule from a copy of it.
    granule = replace(footprints.granule, checksum=sha256(source.path))
    return replace(footprints, granule=granule)


def empty_cells(shape: tuple[int, int]) -> np.ndarray:
    """(rows, columns) of ``CELL`` that nothing was added to."""
    cells = np.zeros(shape, CELL)
    cells["first"], cells["last"] = np.inf, -np.inf
    return cells


def add_cells(cells: np.ndarray, others: np.ndarray) -> None:
    """Add the sums ``others`` to ``cells`` in place.

    Source: for the scatter, Chan, Golub and LeVeque (1983), The American Statistician 37, 242.
    """
    both = (cells["weight"] > 0) & (others["weight"] > 0)
    a, b = cells[both], others[both]
    apart = b["weighted"] / b["weight"] - a["weighted"] / a["weight"]
    between = a["weight"] * b["weight"] / (a["weight"] + b["weight"]) * apart**2
    for name in ("weight", "weighted", "scatter", "variance", "deviation", "count"):
        cells[name] += others[name]
    cells["scatter"][both] += between
    np.minimum(cells["first"], others["first"], out=cells["first"])
    np.maximum(cells["last"], others["last"], out=cells["last"])
