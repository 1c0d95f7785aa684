"""What is known of places without a network: land use, maps, the inlet's place, pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from mmaq.base.errors import Unavailable
from mmaq.contracts.context import CONTEXT
from mmaq.contracts.sites import FEATURES, GEO, SITING, covariates_of
from mmaq.estimators.base import Places
from mmaq.estimators.pixels import COLUMN, pixel_features, ring_features
from mmaq.statistics.ridge import linear_features
from mmaq.vocabulary import IMAGES, TYPES


def land_use(places: Places) -> np.ndarray:
    """The eight land-use features in the units of the site table, (n, 8); NaN where missing."""
    return places.table[list(FEATURES)].to_numpy(float)


def land_use_logarithmic(places: Places) -> np.ndarray:
    """The eight features with the logarithm of one plus population density, (n, 8)."""
    return linear_features(land_use(places))


def geography(places: Places) -> np.ndarray:
    """Land use, maps, longitude and latitude, (n, 19); NaN where a source lacks them."""
    return places.table[[*FEATURES, *GEO, "lon", "lat"]].to_numpy(float)


def maps(places: Places) -> np.ndarray:
    """What maps say of the site itself, (n, 9); the distance from the road as a logarithm."""
    values = places.table[list(GEO)].astype(float)
    values["road_distance"] = np.log1p(values["road_distance"])
    return values.to_numpy()


def siting(places: Places) -> np.ndarray:
    """Logarithms of the inlet's height and of its distances from building and kerb, (n, 3)."""
    return np.log1p(places.table[list(SITING)].to_numpy(float))


def geo(places: Places) -> np.ndarray:
    """What maps and the network say of the site itself, (n, 12)."""
    return np.hstack([maps(places), siting(places)])


def covariates(places: Places) -> np.ndarray:
    """Land use, maps and the inlet's place, (n, 20); population and lengths as logarithms."""
    return np.hstack([land_use_logarithmic(places), geo(places)])


def place(places: Places) -> np.ndarray:
    """Altitude, the logarithm of one plus density, and the type, (n, 5).

    What of land use can be known of a cell: its altitude and density from maps, its type by
    asking for one.
    """
    names = [FEATURES.index(name) for name in ("altitude", "population_density", *TYPES)]
    return land_use_logarithmic(places)[:, names]


def station_type(places: Places) -> np.ndarray:
    """What the station stands for, (n, 3): what any place can be asked to be."""
    return places.table[list(TYPES)].to_numpy(float)


def context(places: Places) -> np.ndarray:
    """The surroundings on 100 m to 150 km, and the user's covariates, (n, 61 + k)."""
    around = places.table[list(CONTEXT)].to_numpy(float)
    own = places.table[covariates_of(places.table)].to_numpy(float)
    return np.hstack([around, own])


def column(places: Places) -> np.ndarray:
    """Statistics of the column's window, (n, 4) in mol/m2; NaN where a place has none.

    Raises:
        Unavailable: the store holds no patches of a modality.
    """
    return pixels(places)[:, len(FEATURES) : len(FEATURES) + COLUMN]


def pixels(places: Places) -> np.ndarray:
    """Land use, and statistics of both patches, (n, 8 + 34); NaN where a place has none.

    Raises:
        Unavailable: the store holds no patches of a modality.
    """
    for name in IMAGES:
        places.patch_rows(name)
    return np.hstack([land_use(places), statistics(places)])


def statistics(places: Places) -> np.ndarray:
    """Statistics of both patches, (n, 4 + 30); NaN where a place, or the store, has none."""

    def rows(whole: Places, name: str) -> np.ndarray:
        there = whole.store.absence(name) is None
        return whole.patch_rows(name) if there else np.full(len(whole), -1)

    def make(whole: Places) -> np.ndarray:
        return pixel_features(whole.store, *(rows(whole, name) for name in IMAGES))

    return places.block("pixels", make)


def images(places: Places) -> np.ndarray:
    """Statistics of both patches, whole and by distance from the site, (n, 34 + 81).

    NaN where a place has none.

    Raises:
        Unavailable: the store holds no patches of a modality.
    """

    def make(whole: Places) -> np.ndarray:
        return ring_features(whole.store, *(whole.patch_rows(name) for name in IMAGES))

    whole = pixels(places)[:, len(FEATURES) :]
    return np.hstack([whole, places.block("rings", make)])


def covariates_context(places: Places) -> np.ndarray:
    """Land use, maps, the inlet's place and the surroundings, (n, 81 + k)."""
    return np.hstack([covariates(places), context(places)])


def context_mappable(places: Places) -> np.ndarray:
    """The type of station and the surroundings, (n, 64 + k): what needs no map of land use."""
    return np.hstack([station_type(places), context(places)])


def with_places(name: str) -> Callable[[Places], np.ndarray]:
    """A set of features with longitude and latitude beside it."""

    def read(places: Places) -> np.ndarray:
        return np.hstack([FEATURE_SETS[name](places), coordinates(places)])

    return read


def everything(places: Places) -> np.ndarray:
    """All that is known of a station but where it stands, (n, 196 + k).

    Population and lengths are logarithms, since linear models read it, too.

    Raises:
        Unavailable: the store holds no patches of a modality.
    """
    return np.hstack([covariates_context(places), images(places)])


def mappable(places: Places) -> np.ndarray:
    """What is known of any place without an image, (n, 75 + k): of land use what a cell has, maps
    and surroundings."""
    return np.hstack([place(places), maps(places), context(places)])


def everything_mappable(places: Places) -> np.ndarray:
    """The same and its images, (n, 190 + k).

    Raises:
        Unavailable: the store holds no patches of a modality.
    """
    return np.hstack([mappable(places), images(places)])


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
    "covariates_places": with_places("covariates"),
    "covariates_context": covariates_context,
    "covariates_context_places": with_places("covariates_context"),
    "place": place,
    "geo": geo,
    "maps": maps,
    "context": context,
    "context_mappable": context_mappable,
    "context_mappable_places": with_places("context_mappable"),
    "pixels": pixels,
    "images": images,
    "everything": everything,
    "mappable": mappable,
    "everything_mappable": everything_mappable,
}
"""Features by the name that a fitted estimator keeps of them."""

EVERYTHING = "s2+s5p+table+geo+context+pixels"
"""What is known of a station, by the words of the table's column ``modalities``."""

LINEAR = ("table_log", "geo", "context", "images")
"""All of it in blocks, to each of which a linear model gives the same total variance."""

LINEAR_MAPPABLE = ("place", "maps", "context", "images")
"""What is known of any place, likewise."""

MAPPABLE = "s2+s5p+type+geo+context+pixels"
"""What is known of any place: a type, which is asked for, in place of the table."""

ANYWHERE = "station_type+context"
"""What is known of a place without an archive: a type, which is asked for, and what surrounds it,
as far as the packaged table of places and the user's rasters tell."""

OF_IMAGES = frozenset({"pixels", "images", "everything", "everything_mappable"})
"""Those that read both patches."""


def lacks_images(names: Iterable[str], places: Places) -> np.ndarray:
    """Which places, (n,) bool, lack a patch that one of the named features reads."""
    if not OF_IMAGES.intersection(names):
        return np.full(len(places), False)
    return np.logical_or.reduce([places.patch_rows(name) < 0 for name in IMAGES])


INPUTS = {
    "table": land_use,
    "type": place,
    "station_type": station_type,
    "geo": lambda places: geography(places)[:, len(FEATURES) :],
    "context": context,
    "s5p": lambda places: statistics(places)[:, :COLUMN],
    "s2": lambda places: statistics(places)[:, COLUMN:],
}
"""What is known of a place by what an estimator reads, as its ``modalities`` name it."""


def known_of(modalities: str, places: Places) -> np.ndarray:
    """What ``modalities``, joined by "+", tell of places without a network, (n, k)."""
    read = [INPUTS[name](places) for name in modalities.split("+") if name in INPUTS]
    return np.hstack([np.empty((len(places), 0)), *read])
