# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A new estimator in twenty lines
#
# Whatever stands as a row of the benchmark table is one thing: an *estimator*, which is fitted to
# stations and asked anywhere. Here is one more, compared with three of the table on the same
# folds. Everything from `mmaq` but `mmaq.api` is internal, for who works on MMAQ: it may change.

# %%
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from mmaq.cli import app
from mmaq.config.evaluation import Evaluate
from mmaq.estimators.base import Estimator, Fitted
from mmaq.estimators.catalogue import reference
from mmaq.estimators.features import land_use_logarithmic
from mmaq.evaluate.predictions import predict_folds
from mmaq.evaluate.task import read_task

# %% [markdown]
# ## Stations
#
# A simulated land of 60 km with 60 stations, as in
# [From a granule and an image to a site](granule_to_site.md).

# %%
Path("small.yaml").write_text(
    """name: small
period: {start: 2021-06-01, end: 2021-06-30}
simulate:
  {extent_km: 60, stations: 60, unlabelled: 0, scene_dates: 1, orbit_interval_days: 30, area_km: 0}
"""
)
for verb in ("simulate", "grid", "landuse", "patches"):
    if not Path("data/small/patches").exists():
        app([verb, "--config", "small.yaml"], standalone_mode=False)

task = read_task("data/small/sites.parquet", "data/small/patches", "no2")
print(f"{task.size} stations have all that the methods read")

# %% [markdown]
# ## The estimator
#
# The mean of the eight training stations that are most alike in the eight features of the land-use
# table, the more alike the heavier. `fit` sees training stations alone. What is fitted answers
# `mean` for any places, and gives its `state` as arrays, so that its file holds no code.


# %%
@dataclass(frozen=True)
class Alike(Estimator):
    def fit(self, train, *, seed):
        features = land_use_logarithmic(train.places)
        centre, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
        return FittedAlike(centre, spread, (features - centre) / spread, train.target)


@dataclass(frozen=True)
class FittedAlike(Fitted):
    kind = "alike"
    centre: np.ndarray
    spread: np.ndarray
    known: np.ndarray
    target: np.ndarray

    def mean(self, places):
        asked = (land_use_logarithmic(places) - self.centre) / self.spread
        distance, nearest = cKDTree(self.known).query(asked, 8)
        weight = 1 / (distance + 0.1)
        return (weight * self.target[nearest]).sum(axis=1) / weight.sum(axis=1)

    def state(self):
        return {}, dict(vars(self))

    @classmethod
    def from_state(cls, about, arrays):
        return cls(**arrays)


# %% [markdown]
# ## Against the table
#
# The same folds for all: five random ones, then blocks of 0.25° with a buffer of 2 km, which ask
# what a method knows of a place far from any station. The 90 % interval of each prediction comes
# from errors out of fold inside the training part; an estimator need not know of it.

# %%
settings = Evaluate(seeds=(0,), block_degrees=0.25, buffer_km=2)
methods = [reference("mean"), reference("ridge"), reference("gbm"), Alike("alike")]
places = task.places
tested = {
    (method.method, split): predict_folds(task, places, [method], split, settings).table
    for method in methods
    for split in ("random", "blocks")
}


def figures(table):
    """R², the root of the mean squared error (µg/m³), and the share inside the interval."""
    error = table["prediction"] - table["measured"]
    inside = table["measured"].between(table["low"], table["high"])
    r2 = 1 - (error**2).mean() / table["measured"].var(ddof=0)
    return {"R²": r2, "RMSE": np.sqrt((error**2).mean()), "in the 90 % interval": inside.mean()}


pd.DataFrame({key: figures(table) for key, table in tested.items()}).T.round(2)

# %%
figure, panels = plt.subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True)
for axes, name in zip(panels, ("gbm", "alike"), strict=True):
    table = tested[name, "random"]
    errors = [table["prediction"] - table["low"], table["high"] - table["prediction"]]
    axes.errorbar(
        table["measured"], table["prediction"], np.clip(errors, 0, None), fmt="o", ms=4, lw=0.5
    )
    axes.axline((20, 20), slope=1, color="grey", lw=1)
    axes.set(title=name, xlabel="measured (µg/m³)")
panels[0].set_ylabel("predicted, with 90 % interval (µg/m³)")

# %% [markdown]
# With so few stations the order of methods is chance. To make it a row of the benchmark, give it
# a name in `mmaq/vocabulary.py` and in `reference` of `mmaq/estimators/catalogue.py`, and add what
# is fitted to `fitted_kind` of that file: `mmaq evaluate`, `mmaq fit` and `mmaq map` then know
# it, and the report compares it in pairs with all others.
