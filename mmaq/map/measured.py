"""What the benchmark says of a map's estimator: its row, at stations it was not fitted to, and how
far from training these are, where the cells of the map are from stations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.base.geo import nearest_km
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.benchmark import read_benchmark
from mmaq.contracts.estimator import Tier
from mmaq.contracts.sites import stations
from mmaq.map.truth import FIGURES
from mmaq.report.distances import training_distances

EVERY = "all"

MAPPED = "map"
"""Beside the splits: the cells of the map itself."""


def at_stations(path: Path, pollutant: str, tier: Tier, siting: str) -> pd.DataFrame:
    """The estimator's row of a benchmark table, for all stations and for those a cell stands for.

    Args:
        path: contract 5.
        pollutant: what is mapped.
        tier: of the estimator, the first; its method and protocol name the row.
        siting: type of the station that a cell stands for.

    Returns:
        A row a split and group of stations: split, group ("all" or the siting) and FIGURES, NaN
        where the table lacks one; none where the table has no such row.

    Raises:
        TableError: the table is missing or broken.
    """
    table = read_benchmark(path)
    kind = f"type:{siting}"
    rows = table[
        (table["task"] == pollutant) & (table["method"] == tier.method)
        & (table["protocol"] == tier.protocol) & (table["status"] == "ok")
        & (table["label_fraction"] == 1.0) & table["group"].isin([EVERY, kind])
    ]  # fmt: skip
    found = rows.pivot_table(
        index=["split", "group"], columns="metric", values="value", sort=False, observed=True
    )
    found = found.rename(columns={"coverage90": "measured90"})
    found = found.reindex(columns=list(FIGURES)).reset_index()
    return found.assign(group=found["group"].replace(kind, siting))


def distances(sites: pd.DataFrame, config: Evaluate, cells: np.ndarray) -> pd.DataFrame:
    """Distances to the nearest training station: of tests by split, and of cells.

    Args:
        sites: contract 2.
        config: pollutants, and how stations are split.
        cells: longitude and latitude of the cells of the map, (m, 2) in degrees.

    Returns:
        A row a distance: split and km, of :func:`mmaq.report.distances.training_distances`, and
        the cells of the map as the split MAPPED.
    """
    places = stations(sites, config.pollutants[0])[["lon", "lat"]].to_numpy(float)
    mapped = pd.DataFrame({"split": MAPPED, "km": nearest_km(places, cells)})
    return pd.concat([training_distances(sites, config), mapped], ignore_index=True)
