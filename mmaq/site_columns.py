"""Contract 2, the site table: its columns, their units and what values they may take."""

from __future__ import annotations

import pandera.pandas as pa

AREAS = ("rural", "suburban", "urban")
TYPES = ("traffic", "industrial", "background")
FEATURES = ("altitude", "population_density", *AREAS, *TYPES)
"""The eight land-use features, in the order of the released code (method facts, section 2)."""

GEO = (
    "road_distance", "nature_score", "manmade_score", "share_built", "share_industry",
    "share_cropland", "share_forest", "share_grassland", "share_water",
)  # fmt: skip
"""What maps say beyond the eight features. A column that a source lacks is missing throughout."""

SITING = ("inlet_height", "building_distance", "kerb_distance")
"""How a station's inlet is placed, where its network says so; missing at unlabelled sites."""

HIGHEST = {"no2": 1000.0, "o3": 1000.0, "pm10": 2000.0, "co": 50_000.0, "so2": 2000.0}
"""Largest mean of each pollutant that is believed, ug/m3."""
POLLUTANTS = tuple(HIGHEST)
OFFICIAL = "official_test"
"""1 where the released code's split of a sample table tests, 0 where it trains."""

UNITS = {
    "lon": "degrees_east", "lat": "degrees_north", "altitude": "m", "population_density": "km-2",
    "road_distance": "m", **dict.fromkeys(SITING, "m"), **dict.fromkeys(POLLUTANTS, "ug m-3"),
}  # fmt: skip
FARTHEST = 5000.0
"""Of what SITING holds, m: beyond it lie fill values and slips of the pen."""
COLUMNS = (
    "site_id", "lon", "lat", "country", *FEATURES, *GEO, *SITING, *POLLUTANTS, OFFICIAL, "block",
)  # fmt: skip
NUMBERS = tuple(name for name in COLUMNS if name not in ("site_id", "country", "block"))

_flag = pa.Column(float, pa.Check.isin([0.0, 1.0]), nullable=True)
_metres = pa.Column(float, pa.Check.in_range(0.0, FARTHEST), nullable=True)
_share = pa.Column(float, pa.Check.in_range(0.0, 1.0), nullable=True)
SCHEMA = pa.DataFrameSchema(
    {
        "site_id": pa.Column(str, pa.Check.str_length(min_value=1), unique=True),
        "lon": pa.Column(float, pa.Check.in_range(-180.0, 180.0), nullable=True),
        "lat": pa.Column(float, pa.Check.in_range(-90.0, 90.0), nullable=True),
        "country": pa.Column(str, pa.Check.str_length(2, 2)),
        "altitude": pa.Column(float, pa.Check.in_range(-430.0, 9000.0), nullable=True),
        "population_density": pa.Column(float, pa.Check.in_range(0.0, 2e5), nullable=True),
        **dict.fromkeys((*AREAS, *TYPES), _flag),
        "road_distance": pa.Column(float, pa.Check.ge(0.0), nullable=True),
        **dict.fromkeys(GEO[1:], _share),
        **dict.fromkeys(SITING, _metres),
        **{
            name: pa.Column(float, pa.Check.in_range(0.0, highest), nullable=True)
            for name, highest in HIGHEST.items()
        },
        OFFICIAL: _flag,
        "block": pa.Column(str),
    },
    strict=True,
    ordered=True,
)
