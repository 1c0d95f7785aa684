"""A data set of a few kilometres that goes the whole way by verbs, from the user's own files.

python -m benchmarks.campaign.chain    # in the data set's folder: all verbs, in one process
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import yaml

VERBS = ("acquire", "grid", "landuse", "patches", "pretrain", "fit", "predict")
NAME = "mine"
CONFIG = "mine.yaml"


def settings(inputs: str) -> dict[str, object]:
    """The configuration, whose inputs lie below a folder."""
    return {
        "name": NAME, "source": "files",
        "files": {"sentinel2": f"{inputs}/s2", "sentinel5p": f"{inputs}/s5p",
                  "ancillary": f"{inputs}/maps", "stations": f"{inputs}/stations",
                  "unlabelled": f"{inputs}/sites.csv"},
        "period": {"start": "2021-01-01", "end": "2021-03-31"},
        "grid": {"bbox": [10.0, 52.8, 11.2, 53.6], "resolution": 0.05},
        "landuse": {"min_coverage": 0.05},
        "patches": {"s2_size": 16, "s5p_size": 8},
        "pretrain": {"runs": 1, "epochs": 1, "batch_size": 8, "projection": 16, "threads": 1,
                     "encoders": {"s2_input": 16}},
        "evaluate": {"threads": 1, "splits": ["random"], "folds": 2, "seeds": [0]},
        "predict": {"method": "ridge", "split": "random"},
        "transfer": {"tasks": []},
    }  # fmt: skip


def make(folder: Path, inputs: str = "inputs") -> Path:
    """Write a data set's inputs below a folder, and its configuration."""
    from tests.landuse.small_country import Country, hours, metadata_row
    from tests.sentinel2.products import NORTH, WEST
    from tests.sentinel2.products import Country as Scenes
    from tests.sentinel5p.granules import product_name, swath, write_granule

    root = folder / inputs
    for name in ("s2", "s5p"):
        (root / name).mkdir(parents=True)
    country = Country(root / "archive")
    country.write_maps()
    places = [(200 + 350 * column, 200 + 350 * row) for row in range(6) for column in range(6)]
    stations = {f"S{number:02d}": place for number, place in enumerate(places[:24])}
    country.write_tables(
        [metadata_row(name, WEST + x, NORTH - y) for name, (x, y) in stations.items()],
        [hours(f"SPO-{name}", 10 + number % 7 + x / 100)
         for number, (name, (x, _)) in enumerate(stations.items())],
    )  # fmt: skip
    (root / "archive" / "ancillary").rename(root / "maps")
    (root / "archive" / "stations" / "stations").rename(root / "stations")
    from pyproj import Transformer

    back = Transformer.from_crs(32632, 4326, always_xy=True)
    rows = [("site_id", "lon", "lat", "country")]
    for number, (x, y) in enumerate(places[24:]):
        lon, lat = back.transform(WEST + x, NORTH - y)
        rows.append((f"U{number:02d}", f"{lon}", f"{lat}", "DE"))
    (root / "sites.csv").write_text("".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    _scene(root, Scenes)
    lon, lat = swath(20, 12, west=10.0, south=52.7)
    value = np.random.default_rng(3).uniform(1e-5, 2e-4, lon.shape[:2])
    path = root / "s5p" / f"{product_name()}.nc"
    write_granule(path, value, lon, lat, None, value / 10)
    bounds = {"lon_min": 9.9, "lon_max": 11.6, "lat_min": 52.5, "lat_max": 54.0}
    with netCDF4.Dataset(path, "a") as data:
        data.setncatts({f"geospatial_{name}": each for name, each in bounds.items()})
    (folder / CONFIG).write_text(
        yaml.safe_dump(settings(inputs), sort_keys=False), encoding="utf-8"
    )
    return folder


def _scene(root: Path, scenes: type) -> None:
    """A scene under its product's name, a file a band."""
    from tests.acquire.files.made_up import PRODUCT

    made = scenes(root / "made")
    noise = np.random.default_rng(1)
    made.add(PRODUCT, single=True, dn=lambda band, x, y: noise.integers(1100, 9000, x.shape))
    next((root / "made").rglob(PRODUCT)).rename(root / "s2" / PRODUCT)


def run(verbs: tuple[str, ...] = VERBS) -> None:
    """All verbs in the current folder, as a user gives them; ends at the first that fails."""
    from mmaq.cli import main

    for verb in verbs:
        sys.argv = ["mmaq", verb, "--config", CONFIG]
        if verb in ("acquire", "grid", "patches"):
            sys.argv += ["--workers", "1"] if verb != "acquire" else []
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise


def results(folder: Path) -> dict[str, str]:
    """Digests of all that a chain makes and promises to the byte, by path."""
    found = {}
    for path in _files(folder):
        if path.suffix == ".csv" and "seconds" in path.read_text(encoding="utf-8").split("\n")[0]:
            table = pd.read_csv(path, dtype=str).drop(columns="seconds")
            content = table.to_csv(index=False).encode()
        else:
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = hashlib.sha256(content).hexdigest()
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Archives hold absolute paths, the report costs; logs and timings are no results."""
    for name in ("data", "results", "checkpoints"):
        for path in sorted((folder / name).rglob("*")):
            parts = path.relative_to(folder).parts
            if path.is_file() and path.suffix != ".html" and "archive" not in parts:
                yield path


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    run()
