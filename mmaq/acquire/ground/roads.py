"""Roads around an area, from OpenStreetMap extracts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import geopandas
import pandas as pd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from mmaq.base.errors import ProductError
from mmaq.base.files import replacing
from mmaq.base.geo import grown, in_turn
from mmaq.base.vectors import write_layer
from mmaq.contracts.context import RINGS_M

CLASSES = (
    "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary",
    "secondary_link", "tertiary", "tertiary_link", "unclassified", "residential", "living_street",
)  # fmt: skip
"""Values of ``highway`` that count: public roads for cars. Driveways, tracks and paths do not."""

MARGIN_KM = 1.1 * RINGS_M[-1] / 1000
"""Kept around the area: so far reach the rings, and the nearest road of a site at its edge."""

REMEDY = "Delete the extract and run the same command again"


def write_roads(
    extracts: Sequence[Path], bbox: tuple[float, float, float, float], path: Path
) -> None:
    """Write the roads that touch the area: lines with ``osm_id`` and ``highway``, WGS 84.

    A way that stands in several extracts is kept once; roads are ordered by their id, so that the
    same extracts give the same bytes.

    Raises:
        ProductError: an extract cannot be read, or none holds a road of the area.
    """
    names = ", ".join(f"'{name}'" for name in CLASSES)
    parts = []
    for extract, box in product(extracts, in_turn(grown(bbox, MARGIN_KM))):
        try:
            part = pyogrio.read_dataframe(
                extract, layer="lines", columns=["osm_id", "highway"], bbox=box,
                where=f"highway IN ({names})",
            )  # fmt: skip
        except (DataSourceError, DataLayerError, ValueError) as fault:
            raise ProductError(extract, f"not a readable extract ({fault})", REMEDY) from None
        parts.append(part)
    roads = pd.concat(parts, ignore_index=True)
    if roads.empty:
        fault_ = f"no road of the extracts touches the area {bbox}"
        raise ProductError("roads", fault_, "Name the extracts of the area in acquire.maps.roads")
    roads["osm_id"] = roads["osm_id"].astype("int64")
    roads = roads.drop_duplicates("osm_id").sort_values("osm_id", ignore_index=True)
    table = geopandas.GeoDataFrame(roads, geometry="geometry", crs=4326)
    with replacing(path) as temporary:
        write_layer(table, temporary, "roads")
