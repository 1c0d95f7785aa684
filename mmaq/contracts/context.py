"""What surrounds a site on 100 m to 150 km: the columns of contract 2, their units and meanings."""

from __future__ import annotations

from typing import NamedTuple

POTENTIAL_KM = (2, 5, 10, 25, 60, 150)
"""Scales of the population potential."""
PLANT_KM = (10, 40)
INDUSTRY_KM = 10
REACH = 4.0
"""A potential ends at so many times its scale: what lies beyond would weigh less than exp(-4)."""
RINGS_M = (100, 300, 1000, 3000, 10_000)
"""Outer radii of the rings; the first is a disc."""
EXACT_M = 1000
"""Radius within which cells of land cover count by the share that lies in the ring, and roads are
cut at it: so far, at the least, a map has to reach around a site."""
ROADS = {
    "motorway": ("motorway", "trunk"), "primary": ("primary",),
    "secondary": ("secondary", "tertiary"), "minor": (),
}  # fmt: skip
"""Classes of road by OpenStreetMap's ``highway``, links with what they link; minor is the rest."""
COVERS = ("built", "industry", "cropland", "forest", "grassland", "water")
COAST_KM = 100
"""A coast that is farther counts as this far."""

GEONAMES = "geonames"
"""The source of the population potential where it is the packaged table of places."""


class About(NamedTuple):
    """Item of the archive that a column is made from, its unit and definition, and the least and
    the largest value that is possible."""

    item: str
    unit: str
    definition: str
    low: float = 0.0
    high: float = float("inf")


def potential(scale: int) -> str:
    """Column of the population potential of a scale, km."""
    return f"population_potential_{scale}km"


def plants(scale: int) -> str:
    """Column of the power plants' potential of a scale, km."""
    return f"plant_potential_{scale}km"


INDUSTRY = f"industry_potential_{INDUSTRY_KM}km"


def road(kind: str, radius: int) -> str:
    """Column of a class of road in the ring that ends at ``radius``, m."""
    return f"roads_{kind}_{radius}m"


def cover(kind: str, radius: int) -> str:
    """Column of a class of land cover in the ring that ends at ``radius``, m."""
    return f"cover_{kind}_{radius}m"


COAST = "coast_distance"

ON_MAP = "population_on_map"
"""The mark of a place whose widest kernel reaches beyond the population map. No estimator reads it:
where a map ends says nothing of the air."""


def _ring(radius: int) -> str:
    inner = (0, *RINGS_M)[RINGS_M.index(radius)]
    return f"from {inner} to {radius} m around the site"


def _sum_of(what: str, scale: int) -> str:
    return f"ln(1 + sum of {what} * exp(-distance / {scale} km)), to {REACH * scale:g} km"


CONTEXT: dict[str, About] = {
    **{
        potential(scale): About("population", "1", _sum_of("people", scale), high=30.0)
        for scale in POTENTIAL_KM
    },
    **{
        plants(scale): About("power_plants", "1", _sum_of("MW that burn", scale), high=30.0)
        for scale in PLANT_KM
    },
    INDUSTRY: About("land_cover", "1", _sum_of("km2 of industry", INDUSTRY_KM), high=30.0),
    **{
        road(kind, radius): About(
            "roads", "km km-2", f"length of {kind} roads by area, {_ring(radius)}"
        )
        for kind in ROADS
        for radius in RINGS_M
    },
    **{
        cover(kind, radius): About("land_cover", "1", f"share of {kind}, {_ring(radius)}", high=1.0)
        for kind in COVERS
        for radius in RINGS_M
    },
    COAST: About(
        "land_cover", "km", f"distance to the nearest sea on the map, to {COAST_KM} km",
        high=COAST_KM,
    ),
}  # fmt: skip
"""What estimators read of the surroundings. A column that a source lacks is missing throughout."""

COVARIATE = "covariate_"
"""Prefix of the columns that the user adds, whose names nobody knows before."""
