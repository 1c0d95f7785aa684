"""How large the maps of a configuration are, before a byte of their inputs is fetched."""

from __future__ import annotations

from mmaq.config.schema import Config
from mmaq.map.bands import bands_of
from mmaq.map.grid import MapGrid

NUMBER = 4 * 4 / 3
"""Bytes of a cell in a band, with its overviews, before they are compressed."""

IMAGES = {
    "none": "no images",
    "cdse": "images where the products of the sites' tiles reach",
    "dhus": "images where the products of the sites' tiles reach",
    "earth-search": "images at the sites alone, since windows are fetched: cdse has whole products",
}
IMAGES["planetary-computer"] = IMAGES["earth-search"]
"""What a provider of Sentinel-2 leaves for cells to see."""


def sizes(config: Config) -> list[str]:
    """A line an area with a box: its cells, what it takes on disk at most, and who sees images."""
    bands = len(bands_of(config.predict.pollutant, config.map.thresholds, []))
    images = IMAGES[config.acquire.sentinel2.provider]
    lines = []
    for name, area in config.mapped.items():
        if area.bbox is None:
            continue
        grid = MapGrid.of(area.bbox, area.resolution_m)
        megabytes = grid.rows * grid.columns * bands * NUMBER / 1e6
        lines.append(
            f"  {name}: {grid.count():,} cells of {area.resolution_m:g} m, at most "
            f"{megabytes:,.0f} MB; {images}"
        )
    return lines
