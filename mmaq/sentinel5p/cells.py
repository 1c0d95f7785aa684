"""What is summed in each cell of the grid, and how two sums become one."""

from __future__ import annotations

import numpy as np

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
