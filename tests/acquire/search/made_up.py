"""STAC items in the layouts that the services use, for scenes and granules of our own."""

from __future__ import annotations

from typing import Any

from shapely.geometry import box, mapping

from mmaq.acquire.search.scenes import COLOURS

LUXEMBOURG = (5.7, 49.4, 6.6, 50.2)


def c1_item(
    name: str = "S2A_T31UGR_20210701T104021_L2A", time: str = "2021-07-01T10:40:21.024Z",
    cloud: float | None = 5.0, bounds: tuple[float, ...] = (5.6, 49.3, 7.2, 50.4),
    offset: float | None = -0.1, **changes: Any,
) -> dict[str, Any]:  # fmt: skip
    """An item of Earth Search's Collection 1."""
    root = "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/sentinel-2-c1-l2a"
    bands = {} if offset is None else {"raster:bands": [{"scale": 0.0001, "offset": offset}]}
    assets = {
        colour: {"href": f"{root}/31/U/GR/2021/7/{name}/{band}.tif", "file:size": 1000, **bands}
        for band, colour in COLOURS.items()
    }
    properties = {
        "datetime": time, "eo:cloud_cover": cloud, "proj:code": "EPSG:32631",
        "grid:code": "MGRS-31UGR", "s2:processing_baseline": "05.00",
    }  # fmt: skip
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "sentinel-2-c1-l2a",
        "geometry": mapping(box(*bounds)), "bbox": list(bounds), "properties": properties,
        "assets": assets, "links": [],
    }  # fmt: skip
    return item | changes


def granule_name(
    stream: str = "OFFL", orbit: int = 19000, processor: str = "020400", day: str = "20210701"
) -> str:
    """An official name; the orbit starts at 11:00 UTC."""
    return (
        f"S5P_{stream}_L2__NO2____{day}T110000_{day}T124130_{orbit:05d}_03_{processor}_"
        f"20230101T000000"
    )


def s5p_item(name: str, collection: str, **changes: Any) -> dict[str, Any]:
    """An item as the Data Space's STAC has them: the object store, and https beside it."""
    href = f"s3://eodata/Sentinel-5P/TROPOMI/L2__NO2___/2021/07/01/{name}/{name}.nc"
    https = "https://download.dataspace.copernicus.eu/odata/v1/Products(1-2)/$value"
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection,
        "geometry": mapping(box(-10, 20, 20, 70)), "bbox": [-10, 20, 20, 70],
        "properties": {"datetime": "2021-07-01T11:50:00Z"},
        "assets": {"netcdf": {"href": href, "alternate": {"https": {"href": https}}}},
        "links": [],
    }  # fmt: skip
    return item | changes
