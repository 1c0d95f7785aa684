"""What lies on the ground: stations with their measurements, maps, and the published data."""

from mmaq.acquire.ground.making import fetch_maps
from mmaq.acquire.ground.maps import find_maps
from mmaq.acquire.ground.measurements import fetch_stations, find_measurements, read_places
from mmaq.acquire.ground.zenodo import fetch_zenodo, plan_zenodo

__all__ = [
    "fetch_maps", "fetch_stations", "fetch_zenodo", "find_maps", "find_measurements",
    "plan_zenodo", "read_places",
]  # fmt: skip
