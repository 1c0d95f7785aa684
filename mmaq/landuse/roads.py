"""How far the nearest road is."""

from __future__ import annotations

from os import PathLike

import geopandas
import numpy as np
from pyogrio.errors import DataLayerError, DataSourceError
from shapely import STRtree, points

from mmaq.errors import ProductError

REMEDY = "Give a GeoPackage of road lines with a coordinate reference system"


def road_distance(path: str | PathLike[str], lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """Distance in m from each of n sites to the nearest road of any class.

    Measured in the roads' own projected system, or where they are in degrees, in their UTM zone.

    Raises:
        ProductError: the file is no vector file, has no reference system, or holds no road.
    """
    try:
        roads = geopandas.read_file(path, columns=[])
    except (DataSourceError, DataLayerError, OSError) as fault:
        raise ProductError(path, f"not a readable vector file ({fault})", REMEDY) from None
    if roads.crs is None:
        raise ProductError(path, "the roads have no coordinate reference system", REMEDY)
    roads = roads[~(roads.geometry.isna() | roads.geometry.is_empty)]
    if roads.empty:
        raise ProductError(path, "the file holds no road", REMEDY)
    if not roads.crs.is_projected:
        roads = roads.to_crs(roads.estimate_utm_crs())
    sites = geopandas.GeoSeries(points(lon, lat), crs=4326).to_crs(roads.crs)
    tree = STRtree(roads.geometry.to_numpy())
    nearest = tree.nearest(sites.to_numpy())
    return sites.distance(roads.geometry.iloc[nearest], align=False).to_numpy()
