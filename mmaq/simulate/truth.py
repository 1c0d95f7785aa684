"""What is known only because the country is simulated; evaluation alone reads it.

Collection ``truth``, item ``truth``, asset ``stations``: Parquet with site_id, no2_true (µg/m3,
the period's mean at the station), noise_sd (µg/m3, of the measured mean) and the true local
fields ``input_*`` that images can at best reveal. Item ``area``, asset ``no2``: the true NO2 of the
area that is seen whole, where there is one.
"""

from __future__ import annotations

from datetime import datetime, time, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from mmaq.base.files import replacing
from mmaq.contracts.archive import (
    GAIN_PROPERTY,
    TRUE_AREA,
    TRUTH,
    Asset,
    Product,
    write_collection,
)
from mmaq.simulate.area import Seen, write_true_area
from mmaq.simulate.stations import GAIN, Measurements
from mmaq.simulate.world.air import Air
from mmaq.simulate.world.local import surroundings
from mmaq.simulate.world.world import World


def local_fields(world: World, sites: pd.DataFrame, column: np.ndarray) -> pd.DataFrame:
    """The true fields about each site, one column each; ``column`` (n,) in mol/m2."""
    x, y = sites["x"].to_numpy(), sites["y"].to_numpy()
    about = surroundings(world, x, y)
    industry = world.industry
    away = np.hypot(x[:, None] - industry.x, y[:, None] - industry.y) - industry.radius
    return pd.DataFrame(
        {
            "input_altitude": world.elevation(x, y),
            "input_population": world.grid.sample(world.population, x, y),
            "input_column": column,
            "input_traffic_20m": about.street[:, 0],
            "input_traffic_150m": about.street[:, 2],
            "input_asphalt": about.asphalt,
            "input_road_distance": about.road_distance,
            "input_busy_distance": about.busy_distance,
            "input_built": about.built,
            "input_industry_distance": np.maximum(away, 0.0).min(axis=1),
        }
    )


def write_truth(
    world: World, stations: pd.DataFrame, air: Air, measured: Measurements, root: Path,
    area: Seen | None = None,
) -> None:  # fmt: skip
    """Write the truth of the stations, as ``air`` and ``measured`` have them, and of an area."""
    fields = local_fields(world, stations, air.column)
    fields.insert(0, "site_id", stations["site_id"].to_numpy())
    fields.insert(1, "no2_true", air.surface.mean(axis=0))
    fields.insert(2, "noise_sd", measured.noise_sd)
    path = root / TRUTH / "truth" / "stations.parquet"
    with replacing(path) as temporary:
        parquet.write_table(arrow.Table.from_pandas(fields, preserve_index=False), temporary)
    box = tuple(
        float(getattr(stations[name], side)())
        for name, side in (("lon", "min"), ("lat", "min"), ("lon", "max"), ("lat", "max"))
    )
    start = datetime.combine(air.days[0], time(), timezone.utc)
    items = [Product("truth", TRUTH, start, box, {"stations": Asset(path)})]  # type: ignore[arg-type]
    if area is not None:
        raster = root / TRUTH / TRUE_AREA / "no2.tif"
        write_true_area(world, area, air.days, raster)
        assets, about = {"no2": Asset(raster)}, {GAIN_PROPERTY: GAIN}
        items.append(Product(TRUE_AREA, TRUTH, start, area.degrees, assets, about))
    write_collection(root, TRUTH, "Truth of the simulated country", items)
