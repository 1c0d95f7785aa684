"""From a manifest to the raw archive: fetched, verified, catalogued, and restarted at will."""

from mmaq.acquire.fetch.granules import fetch_granules
from mmaq.acquire.fetch.gridding import grid_and_drop
from mmaq.acquire.fetch.sentinel2 import fetch_sentinel2

__all__ = ["fetch_granules", "fetch_sentinel2", "grid_and_drop"]
