"""Training stations for an estimator, from a table that is made up in part."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mmaq.contracts.context import CONTEXT
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import FEATURES, GEO, SITING
from mmaq.estimators.base import Places, Training
from mmaq.evaluate.task import read_task
from mmaq.statistics.splits import Stations


def make_places(table, store=None):
    """Places of a table with some columns of contract 2; the others are missing."""
    known = [name for name in (*FEATURES, *GEO, *SITING, *CONTEXT) if name not in table]
    rest = pd.DataFrame(np.nan, index=table.index, columns=known)
    return Places(table.join(rest).reset_index(drop=True), store)


def make_training(places, target, stations=None):
    """Stations that are split one by one where ``stations`` says nothing else."""
    return Training(places, np.asarray(target, float), stations or Stations.single(places.lonlat))


def training_of(data, rows=None):
    """Made-up stations of ``make_data`` at the positions ``rows``, by ``site_id``; all of them
    where None."""
    task = read_task(data[0], data[1], "no2")
    whole = make_training(task.places, task.target)
    return whole if rows is None else whole.take(np.asarray(rows))


def reopened(places):
    """The same places with nothing made of them yet, as another process sees them."""
    return Places(places.table.copy(), open_store(places.store.folder))


class Columns:
    """Stands in for an encoder whose embeddings are known: one block of columns an image."""

    def __init__(self, blocks):
        self.blocks = blocks
        self.modalities = ("s2", "s5p")[: len(blocks)]
        self.method = "mmaq"

    def embedder(self, places, seed):
        return self

    def embed(self, places):
        """The rows of these places."""
        return [
            places.block(f"block {number}", lambda _, values=values: values)
            for number, values in enumerate(self.blocks)
        ]
