"""What is known of a station without an image and without any label, its surroundings included."""

from __future__ import annotations

import numpy as np

from mmaq.evaluation.kriging import distances
from mmaq.evaluation.standardise import linear_features
from mmaq.evaluation.task import Task
from mmaq.sites import GEO

SCALES_KM = (5.0, 15.0, 40.0, 100.0)
"""Over which the weight of a neighbour falls to 1/e."""
AROUND = ("population_density", "altitude", "urban", "traffic", "manmade_score")
METRES = ("road_distance", "inlet_height", "building_distance", "kerb_distance")
"""Lengths that matter by their order of magnitude."""


def covariates(task: Task) -> np.ndarray:
    """The eight features, maps, the inlet's place and the surroundings, (n, k); NaN where missing.

    Population and lengths are logarithms. Columns that are missing throughout are left out.
    """
    maps = task.table[[*GEO, *METRES[1:]]].astype(float)
    for name in METRES:
        maps[name] = np.log1p(maps[name])
    values = np.hstack([linear_features(task.features), maps.to_numpy(), surroundings(task)])
    return values[:, np.isfinite(values).any(axis=0)]


def surroundings(task: Task) -> np.ndarray:
    """How dense other stations stand around each, and what they are like, (n, 6 scales).

    Of each scale r: the logarithm of the sum of the weights exp(-distance / r) of all other
    stations, and their weighted means of ``AROUND``; a mean is relative to the station's own
    altitude where it is of altitudes. City and suburb differ here, though the densities in the
    stations' own cells may be equal. Neither a label nor an image takes part.
    """
    apart = distances(task.places, task.places)
    table = task.table[list(AROUND)].astype(float)
    table["population_density"] = np.log1p(table["population_density"])
    known = table.to_numpy()
    there = np.isfinite(known).astype(float)
    columns = []
    for scale in SCALES_KM:
        # relative to the nearest neighbour's, so that a far one's weight does not vanish
        np.fill_diagonal(apart, np.inf)
        nearest = apart.min(axis=1, keepdims=True)
        weights = np.exp((nearest - apart) / scale)
        density = np.log(weights.sum(axis=1)) - nearest[:, 0] / scale
        with np.errstate(invalid="ignore"):
            means = weights @ np.where(there > 0.0, known, 0.0) / (weights @ there)
        means[:, AROUND.index("altitude")] -= known[:, AROUND.index("altitude")]
        columns += [density[:, None], means]
    return np.hstack(columns)
