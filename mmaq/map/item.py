"""The STAC item of a map: where and when, by which estimator, and what each band is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timezone
from pathlib import Path
from typing import Any

import pystac

from mmaq import __version__
from mmaq.base.files import sha256, write_json
from mmaq.config.data import Period
from mmaq.map.bands import Band
from mmaq.map.grid import MapGrid

EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
)
COG = "image/tiff; application=geotiff; profile=cloud-optimized"


def write_item(
    path: Path,
    raster: Path,
    grid: MapGrid,
    bands: Sequence[Band],
    period: Period,
    about: Mapping[str, Any],
    picture: Path,
) -> None:
    """Write the item beside the map.

    Args:
        path: the item, JSON.
        raster: the map.
        grid, bands: its cells and bands.
        period: of the images.
        about: what the map says of itself, further properties.
        picture: of it, a PNG.
    """
    west, south, east, north = grid.box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    start, end = (
        datetime.combine(day, clock, timezone.utc)
        for day, clock in ((period.start, time.min), (period.end, time(23, 59, 59)))
    )
    affine = grid.transform
    item = pystac.Item(
        id=raster.stem, geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=list(grid.box), datetime=None, start_datetime=start, end_datetime=end,
        stac_extensions=list(EXTENSIONS),
        properties={
            "proj:code": f"EPSG:{grid.epsg}", "proj:shape": [grid.rows, grid.columns],
            "proj:transform": list(affine)[:6], "processing:software": {"mmaq": __version__},
            "gsd": grid.resolution, **{f"mmaq:{name}": text for name, text in about.items()},
        },
    )  # fmt: skip
    described = [
        {"name": band.name, "unit": band.unit, "description": band.about, "nodata": "nan",
         "data_type": "float32"}
        for band in bands
    ]  # fmt: skip
    item.assets["map"] = pystac.Asset(
        f"./{raster.name}", media_type=COG, roles=["data"],
        extra_fields={"bands": described, "file:checksum": _multihash(raster)},
    )  # fmt: skip
    item.assets["picture"] = pystac.Asset(
        f"./{picture.name}", media_type=pystac.MediaType.PNG, roles=["thumbnail"]
    )
    value = item.to_dict(include_self_link=False, transform_hrefs=False)
    value["links"] = []
    write_json(path, value)


def _multihash(path: Path) -> str:
    """SHA-256 in the form of the file extension: code and length of the hash before it."""
    return f"1220{sha256(path)}"
