"""What the surroundings of the cells of a map cost, part by part, on a simulated archive's maps.

    python -m benchmarks.context_cells ARCHIVE --cells 100 1000

Cells are a square grid over the middle of the population map, `--cells` along a side; a line tells
the processor seconds of a part. Two sizes show what grows with the cells, beside reading the maps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from mmaq.contracts.archive import ANCILLARY, read_product
from mmaq.landuse.context import (
    cover_around,
    plants_around,
    population_of_map,
    population_of_places,
)
from mmaq.landuse.legends import CLASSES
from mmaq.landuse.maps import disc_shares
from mmaq.landuse.roads import Roads, read_roads, road_densities
from mmaq.landuse.sites import map_of

DISCS = (100.0, 300.0, 1000.0)
"""Their shares are read from the raster disc by disc."""


def grid_of(archive: Path, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of ``side`` x ``side`` cells, (n,) each."""
    west, south, east, north = read_product(archive, ANCILLARY, "population").bbox
    lon = np.linspace(west + (east - west) / 4, east - (east - west) / 4, side)
    lat = np.linspace(south + (north - south) / 4, north - (north - south) / 4, side)
    lon, lat = np.meshgrid(lon, lat)
    return lon.ravel(), lat.ravel()


def parts_of(archive: Path, roads: Roads, side: int) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    lon, lat = grid_of(archive, side)
    cover = map_of(archive, "land_cover")
    known = {radius: pd.DataFrame(0.0, range(len(lon)), list(CLASSES)) for radius in DISCS}
    for shares in known.values():
        shares.attrs["legend"] = "corine-grid"
    return {
        "population of the map": partial(
            population_of_map, map_of(archive, "population"), lon, lat
        ),
        "population of the packaged places": partial(population_of_places, lon, lat),
        "power plants": partial(plants_around, map_of(archive, "power_plants"), lon, lat),
        "roads in rings": partial(road_densities, roads, lon, lat),
        "cover in rings, coast, industry": partial(cover_around, cover, lon, lat, known),
        "cover in one disc": partial(disc_shares, cover, lon, lat, DISCS[1], "corine-grid"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--without", nargs="*", default=[], help="parts that are left out")
    given = parser.parse_args()
    start = time.process_time()
    roads = read_roads(map_of(given.archive, "roads"))
    print(f"{'':15} reading the roads {time.process_time() - start:21.1f} s", flush=True)
    for side in given.cells:
        for name, make in parts_of(given.archive, roads, side).items():
            if name in given.without:
                continue
            start = time.process_time()
            make()
            spent = time.process_time() - start
            print(f"{side**2:9d} cells {name:34s} {spent:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
