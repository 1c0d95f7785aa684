"""What is known of a station without an image and without any label."""

from __future__ import annotations

import numpy as np

from mmaq.evaluation.standardise import linear_features
from mmaq.evaluation.task import Task
from mmaq.sites import GEO

METRES = ("road_distance", "inlet_height", "building_distance", "kerb_distance")
"""Lengths that matter by their order of magnitude."""


def covariates(task: Task) -> np.ndarray:
    """The eight features, maps and the inlet's place, (n, k); NaN where missing.

    Population and lengths are logarithms. Columns that are missing throughout are left out.
    """
    maps = task.table[[*GEO, *METRES[1:]]].astype(float)
    for name in METRES:
        maps[name] = np.log1p(maps[name])
    values = np.hstack([linear_features(task.features), maps.to_numpy()])
    return values[:, np.isfinite(values).any(axis=0)]
