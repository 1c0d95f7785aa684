"""Which sites may be used for pretraining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mmaq.errors import StoreError
from mmaq.patches.store import PatchStore
from mmaq.sites import has_places, is_station
from mmaq.training.data import IMAGES, need_modalities

PIXEL_M = 10.0
DEGREE_M = 111_320.0
"""Length of a degree of latitude, and of longitude at the equator."""

SKEW = 1.06
"""Patches lie along UTM axes, which turn by up to 3 degrees from local north: a margin of
cos 3 + sin 3 on the side, and 0.5 % for the sphere and the scale of UTM."""

BLOCK = 512


def pretraining_sites(
    store: PatchStore,
    sites: pd.DataFrame,
    transductive: bool,
    modalities: Sequence[str] = ("s2", "s5p"),
) -> pd.DataFrame:
    """Sites with ``modalities``; unless ``transductive``, unlabelled and clear of every station.

    A site is clear of a station where their Sentinel-2 patches cannot overlap, so that one run
    serves every split and seed of the evaluation. Sentinel-5P windows are far wider and do
    overlap: what they share is unlabelled and is called transductive in the documentation.

    Raises:
        StoreError: the store lacks a modality, the sites have no coordinates to keep clear by, or
            fewer than two sites are left.
    """
    need_modalities(store, modalities)
    usable = np.ones(len(sites), dtype=bool)
    for name in [name for name in IMAGES if name in modalities]:
        usable &= store.rows(name, sites["site_id"].to_numpy()) >= 0
    if not transductive:
        if not has_places(sites):
            fault = "without coordinates nothing tells which sites lie clear of a station"
            raise StoreError(store.folder, fault, "Give coordinates, or set pretrain.transductive")
        labelled = is_station(sites)
        side = store.s2.shape[-1] * PIXEL_M
        usable &= ~labelled & ~near_any(sites, sites[labelled], SKEW * side + PIXEL_M)
    if usable.sum() < 2:
        fault = f"{usable.sum()} of {len(sites)} sites can be used for pretraining"
        remedy = "Add unlabelled sites away from the stations, or set pretrain.transductive"
        raise StoreError(store.folder, fault, remedy)
    return sites[usable].reset_index(drop=True)


def near_any(sites: pd.DataFrame, others: pd.DataFrame, distance: float) -> np.ndarray:
    """Which sites lie within ``distance`` metres of any other, east-west and north-south alike.

    The Chebyshev distance on a local equirectangular projection: two squares of side ``distance``
    centred on the points overlap exactly where it is smaller than ``distance``.
    """
    lon, lat = (sites[name].to_numpy(dtype=float) for name in ("lon", "lat"))
    to_lon, to_lat = (others[name].to_numpy(dtype=float) for name in ("lon", "lat"))
    near = np.zeros(len(sites), dtype=bool)
    for start in range(0, len(sites), BLOCK):
        part = slice(start, start + BLOCK)
        north = np.abs(lat[part, None] - to_lat)
        east = np.abs((lon[part, None] - to_lon + 180) % 360 - 180) * np.cos(
            np.radians(lat[part, None])
        )
        near[part] = (np.maximum(north, east) * DEGREE_M <= distance).any(axis=1)
    return near
