"""What a prediction can rest on, and which of it a site has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from mmaq.contracts.patches import PatchStore
from mmaq.contracts.sites import FEATURES
from mmaq.learn.data import Statistics, load_inputs
from mmaq.learn.embed import embed
from mmaq.learn.models.encoders import Encoders
from mmaq.statistics.ridge import linear_features
from mmaq.vocabulary import IMAGES

TABLE, TYPE = "table", "type"

ENVIRONMENT = 2
"""The first two land-use features, altitude and population density, are known everywhere; the area
and type that the others state are known of stations alone."""


def site_inputs(
    encoders: Encoders, statistics: Statistics, store: PatchStore, sites: pd.DataFrame
) -> dict[str, np.ndarray]:
    """Inputs of n sites, (n, width) each by name; a row is NaN where a site lacks the input.

    "s2" and "s5p" are embeddings, "table" altitude and the logarithm of population density, "type"
    the area and type of a station.
    """
    images = [name for name in encoders.modalities if name in IMAGES]
    found = dict(embed(encoders, statistics, load_inputs(store, sites), images))
    features = linear_features(sites[list(FEATURES)].to_numpy(float))
    found[TABLE], found[TYPE] = features[:, :ENVIRONMENT], features[:, ENVIRONMENT:]
    return {name: _whole_or_missing(values) for name, values in found.items()}


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Every choice of one or more of ``names``, in their order."""
    return [chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size)]


def known(inputs: Mapping[str, np.ndarray], chosen: Sequence[str]) -> np.ndarray:
    """Which sites have all the ``chosen`` inputs, (n,) bool."""
    return np.logical_and.reduce([np.isfinite(inputs[name]).all(axis=1) for name in chosen])


def _whole_or_missing(values: np.ndarray) -> np.ndarray:
    whole = np.isfinite(values).all(axis=1, keepdims=True)
    return np.where(whole, values, np.nan)
