"""The variables of a level-3 mean, described once for the file and for notebooks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.times import EPOCH_UNITS

CELLS = ("latitude", "longitude")
NO_TIME = -1


class Variable(NamedTuple):
    """A result over ``CELLS``, row 0 south; its array is made when asked for.

    ``fill`` marks a cell without a value, ``None`` where every cell has one.
    """

    name: str
    values: Callable[[], np.ndarray]
    dtype: str
    fill: float | None
    attributes: dict[str, Any]


def describe(sums: Accumulator, name: str) -> list[Variable]:
    """All results: the mean under ``name`` first, then what belongs to it.

    Floats are float32, 6e-8 relative. A cell that no footprint touches is NaN, of weight and
    count 0, and its times are ``NO_TIME``.
    """
    columns = [
        ("", sums.mean, f"mean of {name.replace('_', ' ')}"),
        ("_standard_error", sums.standard_error, "standard error of the mean, errors uncorrelated"),
        (
            "_standard_error_correlated",
            sums.correlated_error,
            "standard error of the mean if the errors of all footprints are one error",
        ),
        ("_spread", sums.spread, "weighted standard deviation of the footprints' values"),
    ]
    standard = sums.standard_name
    found = []
    for suffix, values, about in columns:
        attributes = {"long_name": about, "units": sums.units}
        if standard and suffix in ("", "_standard_error"):
            attributes["standard_name"] = standard + suffix.replace("_s", " s")
        found.append(Variable(name + suffix, _as(values, "f4"), "f4", np.nan, attributes))
    names = [each.name for each in found[1:]]
    found[0].attributes["ancillary_variables"] = " ".join([*names, "weight", "count"])
    found[0].attributes["cell_methods"] = (
        "time: area: mean (comment: weighted by the overlap of footprint and cell)"
    )
    weight = {"long_name": "sum of the footprints' shares of the cell", "units": "1"}
    count = {"long_name": "number of footprints that touch the cell", "units": "1"}
    if standard:
        count["standard_name"] = f"{standard} number_of_observations"
    cells = sums.cells
    found += [
        Variable("weight", _as(lambda: cells["weight"], "f4"), "f4", None, weight),
        Variable("count", _as(lambda: cells["count"], "i4"), "i4", None, count),
    ]
    for which in ("first", "last"):
        moment = {"long_name": f"{which} observation", "units": EPOCH_UNITS}
        moment |= {"standard_name": "time", "calendar": "standard"}
        whole = partial(_whole_seconds, cells[which])
        found.append(Variable(f"{which}_time", whole, "i4", NO_TIME, moment))
    return found


def _as(values: Callable[[], np.ndarray], dtype: str) -> Callable[[], np.ndarray]:
    return lambda: values().astype(dtype)


def _whole_seconds(seconds: np.ndarray) -> np.ndarray:
    return np.rint(np.where(np.isfinite(seconds), seconds, NO_TIME)).astype("i4")


def axes(sums: Accumulator) -> dict[str, tuple[np.ndarray, np.ndarray, dict[str, Any]]]:
    """Centres, bounds (n, 2) and attributes of latitude and longitude, in degrees."""
    found = {}
    for name, axis, edges in (
        ("latitude", "Y", sums.grid.latitude_edges()),
        ("longitude", "X", sums.grid.longitude_edges()),
    ):
        attributes = {
            "standard_name": name,
            "long_name": f"{name} of the cell's centre",
            "units": "degrees_north" if axis == "Y" else "degrees_east",
            "axis": axis,
            "bounds": f"{name}_bounds",
        }
        bounds = np.stack([edges[:-1], edges[1:]], axis=1)
        found[name] = (bounds.mean(axis=1), bounds, attributes)
    return found
