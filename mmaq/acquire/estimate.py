"""A plan without asking anybody: from area, period, stations and how often satellites pass."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmaq.acquire.ground.maps import tile_names
from mmaq.acquire.ground.mosaic import Box, boxes_over
from mmaq.acquire.plan import IN_HAND, MAP_BYTES, NATIVE_M, Cost, service_of, windows_of
from mmaq.acquire.services.endpoints import service
from mmaq.config.acquire import Acquire
from mmaq.config.data import Period
from mmaq.config.schema import Config
from mmaq.contracts.archive import SENTINEL2, SENTINEL5P, STATIONS

STATIONS_OF = {
    "AD": 1, "AL": 5, "AT": 143, "BA": 27, "BE": 109, "BG": 30, "CH": 36, "CY": 3, "CZ": 92,
    "DE": 409, "DK": 13, "EE": 9, "ES": 561, "FI": 45, "FR": 480, "GB": 159, "GE": 7, "GI": 3,
    "GR": 31, "HR": 12, "HU": 24, "IE": 25, "IS": 11, "IT": 663, "LT": 15, "LU": 9, "LV": 10,
    "ME": 8, "MK": 20, "MT": 5, "NL": 72, "NO": 66, "PL": 142, "PT": 66, "RO": 151, "RS": 24,
    "SE": 64, "SI": 11, "SK": 40, "TR": 311, "UA": 7, "XK": 12,
}  # fmt: skip
"""Stations with an automatic NO2 sampling process still at work, by the EEA's
PanEuropean_metadata.csv of 2024."""

ORBITS = 14.2
"""Of Sentinel-5P in a day."""

SWATH_KM = 2600.0

INCLINATION = 98.7
"""Degrees; the track's slope against the meridian adds to the width of the area."""

GRANULE = {"RPRO": 0.45e9, "OFFL": 0.45e9, "NRTI": 0.063e9}
"""Bytes: a whole orbit, and a slice of five minutes of near real time (three recorded slices of
2023 and 2024 have 62 to 64 MB)."""

SLICE_DEGREES = 19.0
"""Degrees of latitude in five minutes."""

SCENE = 0.97e9
"""Bytes of a whole Sentinel-2 product: the mean of 18 recorded ones of Austria, January 2020."""

TILE_KM = 100.0

REVISIT_DAYS = 5.0
"""Of Sentinel-2's two satellites."""

YEAR_OF_STATION = 0.17e6
"""Bytes of a year of hourly values; a file of the verified data set holds all since 2013."""

YEARS = {"verified": 11, "unverified": 2, "airbase": 11}

DEGREE_KM = 111.32


def estimated(config: Config) -> tuple[list[Cost], list[str]]:
    """Costs by source from stated constants, and what they rest on; no network."""
    asked = config.acquire
    counts = {country: STATIONS_OF.get(country) for country in asked.stations.countries}
    stations = sum(count or 0 for count in counts.values())
    notes = [f"stations: {stations} in the asked countries (EEA table of 2024), all within bbox"]
    notes += [f"stations of {country}" for country, count in counts.items() if count is None]
    sites = stations + asked.unlabelled
    costs = []
    if asked.sentinel2.provider != "none":
        costs.append(_sentinel2(config, sites))
    if asked.sentinel5p.provider != "none":
        costs.append(_sentinel5p(config))
    size = stations * YEAR_OF_STATION * YEARS[asked.stations.dataset]
    at = service_of(config, STATIONS)
    costs.append(Cost("measurements", at, stations, size, stations, size, 0))
    costs += _maps(asked, sites, config.boxes)
    notes.append("roads: the extract's size (Luxembourg 0.05 GB, Austria 0.8 GB, Europe 30 GB)")
    return costs, notes


def orbits_a_day(bbox: tuple[float, float, float, float]) -> float:
    """Sentinel-5P orbits a day whose swath meets the box, on average.

    Tracks lie 360 / 14.2 degrees apart at any latitude. The swath and the track's way over the
    box's latitudes widen the range of longitudes from which a track still meets it.
    """
    west, south, east, north = bbox
    mean = math.radians(min(abs(south + north) / 2, 75.0))
    kilometres = DEGREE_KM * math.cos(mean)
    drift = (north - south) * DEGREE_KM * math.tan(math.radians(INCLINATION - 90.0)) / kilometres
    reach = (east - west) + SWATH_KM / kilometres + drift
    return ORBITS * min(reach / 360.0, 1.0)


def tiles_of(bbox: tuple[float, float, float, float]) -> int:
    """Sentinel-2 tiles that cover the box."""
    west, south, east, north = bbox
    high = (north - south) * DEGREE_KM
    wide = (east - west) * DEGREE_KM * math.cos(math.radians((south + north) / 2))
    return (math.ceil(high / TILE_KM) + 1) * (math.ceil(wide / TILE_KM) + 1)


def _sentinel2(config: Config, sites: int) -> Cost:
    asked = config.acquire
    at = service_of(config, SENTINEL2)
    passes = max(1, round(_days(config.period) / REVISIT_DAYS))
    dates = min(asked.sentinel2.dates, passes)
    tiles = min(tiles_of(asked.bbox), sites)
    if asked.sentinel2.provider in ("cdse", "dhus"):
        count = tiles * dates
        kept = count * SCENE
        return Cost("Sentinel-2 products", at, count, kept, count, kept, SCENE * at.connections)
    scenes = tiles * dates
    classes, bands = [None] * (sites * dates), [dict[str, int | None]()] * sites
    return windows_of(config, scenes, scenes * len(NATIVE_M), classes, bands)


def _sentinel5p(config: Config) -> Cost:
    asked = config.acquire
    whole = any(stream != "NRTI" for stream in asked.sentinel5p.streams)
    high = asked.bbox[3] - asked.bbox[1]
    slices = 1 if whole else 1 + high / SLICE_DEGREES
    count = round(orbits_a_day(asked.bbox) * _days(config.period) * slices)
    one = GRANULE["OFFL" if whole else "NRTI"]
    keep = asked.sentinel5p.keep
    return Cost(
        "Sentinel-5P granules", service_of(config, SENTINEL5P), count, count * one, count,
        count * one if keep else 0, 0 if keep else IN_HAND * one,
    )  # fmt: skip


def _maps(asked: Acquire, sites: int, areas: Sequence[Box]) -> list[Cost]:
    """At most whole tiles: all that areas to be mapped touch, or no more than there are sites."""
    west, south, east, north = asked.bbox
    costs, pieces = [], sum(len(boxes_over(area, 0.0)) for area in areas)
    for name, at, step in (("dem", "copernicus-dem", 1), ("land_cover", "worldcover", 3)):
        across, down = (math.ceil(span / step) + 1 for span in (east - west, north - south))
        tiles = max(len(tile_names(name, areas)), min(across * down, max(sites, 1)))
        there, size = service(at, asked.endpoints), MAP_BYTES[name]
        requests = 20 * tiles + pieces
        costs.append(Cost(name, there, tiles, tiles * size, requests, tiles * size, tiles * size))
    there, size = service("ghsl", asked.endpoints), MAP_BYTES["population"]
    costs.append(Cost("population", there, 1, size, 1, size / 10, 3 * size))
    return costs


def _days(period: Period) -> int:
    return (period.end - period.start).days + 1
