"""What is known of places without a network: land use, maps, the inlet's place, pixels."""

from __future__ import annotations

import numpy as np

from mmaq.base.errors import Unavailable
from mmaq.contracts.sites import FEATURES, GEO, SITING
from mmaq.estimators.base import Places
from mmaq.estimators.pixels import pixel_features
from mmaq.statistics.ridge import linear_features
from mmaq.vocabulary import IMAGES

METRES = ("road_distance", *SITING)
"""Lengths that matter by their order of magnitude."""


def land_use(places: Places) -> np.ndarray:
    """The eight land-use features in the units of the site table, (n, 8); NaN where missing."""
    return places.table[list(FEATURES)].to_numpy(float)


def land_use_logarithmic(places: Places) -> np.ndarray:
    """The eight features with the logarithm of one plus population density, (n, 8)."""
    return linear_features(land_use(places))


def geography(places: Places) -> np.ndarray:
    """Land use, maps, longitude and latitude, (n, 19); NaN where a source lacks them."""
    return places.table[[*FEATURES, *GEO, "lon", "lat"]].to_numpy(float)


def covariates(places: Places) -> np.ndarray:
    """Land use, maps and the inlet's place, (n, 20); population and lengths as logarithms."""
    maps = places.table[[*GEO, *SITING]].astype(float)
    for name in METRES:
        maps[name] = np.log1p(maps[name])
    return np.hstack([land_use_logarithmic(places), maps.to_numpy()])


def column(places: Places) -> np.ndarray:
    """Statistics of the column's window, (n, 4) in mol/m2; NaN where a place has none.

    Raises:
        Unavailable: the store holds no patches of a modality.
    """
    return pixels(places)[:, len(FEATURES) : len(FEATURES) + 4]


def pixels(places: Places) -> np.ndarray:
    """Land use, and statistics of both patches, (n, 8 + 34); NaN where a place has none.

    Raises:
        Unavailable: the store holds no patches of a modality.
    """

    def make(whole: Places) -> np.ndarray:
        return pixel_features(whole.store, *(whole.patch_rows(name) for name in IMAGES))

    for name in IMAGES:
        places.patch_rows(name)
    return np.hstack([land_use(places), places.block("pixels", make)])


def everything(places: Places) -> np.ndarray:
    """All that is known of a place without a network, (n, 8 + 9 + 34); population and lengths as
    logarithms, since linear heads read it; NaN where missing.

    Raises:
        Unavailable: the store holds no patches of a modality.
    """
    maps = covariates(places)[:, len(FEATURES) : len(FEATURES) + len(GEO)]
    return np.hstack([land_use_logarithmic(places), maps, pixels(places)[:, len(FEATURES) :]])


def coordinates(places: Places) -> np.ndarray:
    """Longitude and latitude, (n, 2) in degrees.

    Raises:
        Unavailable: a place has none.
    """
    if np.isnan(places.lonlat).any():
        raise Unavailable("the sites have no coordinates")
    return places.lonlat


FEATURE_SETS = {
    "table": land_use,
    "table_log": land_use_logarithmic,
    "geography": geography,
    "covariates": covariates,
    "pixels": pixels,
    "everything": everything,
}
"""Features by the name that a fitted estimator keeps of them."""

EVERYTHING = "s2+s5p+table+geo+pixels"
"""What estimators read whose images stand beside ``everything``."""
