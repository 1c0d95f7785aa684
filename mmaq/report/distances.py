"""How far test stations of each split are from training, beside cells from any station."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmaq.base.errors import Unavailable
from mmaq.base.geo import nearest_km
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.sites import stations
from mmaq.statistics.copies import find_copies
from mmaq.statistics.splits import outer_folds, related

CELLS = "cells"

COMPARED = ("random", "blocks", "knndm")


def training_distances(sites: pd.DataFrame, config: Evaluate) -> pd.DataFrame:
    """Columns split and km: a row a test station, and a row a cell of the stations' countries.

    Folds are those of the first seed, whether or not the benchmark has the split; a split that the
    stations cannot give has no row. ``split`` of the cells is ``CELLS``, and their distance that to
    the nearest station.

    Args:
        sites: contract 2.
        config: pollutants, folds, seeds, block_degrees, buffer_km.
    """
    table = stations(sites, config.pollutants[0])
    places = table[["lon", "lat"]].to_numpy(float)
    copies = find_copies(places, None, np.full(len(table), -1))
    parts = [pd.DataFrame(columns=["split", "km"])]
    if not np.isfinite(places).all():
        return parts[0]
    for split in COMPARED:
        try:
            kept = related(table, split, copies, config.buffer_km, config.block_degrees)
            folds = outer_folds(table, split, config.folds, kept, config.seeds[0])
        except Unavailable:
            continue
        near = [nearest_km(places[fold.train], places[fold.test]) for fold in folds]
        parts.append(pd.DataFrame({"split": split, "km": np.concatenate(near)}))
        if kept.wanted_km is not None:
            parts.append(pd.DataFrame({"split": CELLS, "km": kept.wanted_km}))
    return pd.concat(parts[1:] or parts, ignore_index=True)
