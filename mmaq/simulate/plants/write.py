"""Files of the published layout: GeoTIFF, outlines as an annotator's JSON, table of labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from affine import Affine
from rasterio.features import shapes

from mmaq.base.files import write_json
from mmaq.simulate.plants.ground import Ground
from mmaq.simulate.plants.plant import FUELS
from mmaq.simulate.plants.scene import Scene
from mmaq.simulate.world.grid import CRS

SMALLEST = 20
"""Pixels of the smallest piece of a plume that is outlined."""

COLUMNS = (
    "filename", "fuel_type", "gen_output", "temp", "humidity", "wind-u", "wind-v",
)  # fmt: skip


def write_scene(
    root: Path, part: str, number: int, scene: Scene, ground: Ground
) -> dict[str, object]:
    """Write the image, and the outlines if there is a plume; returns the scene's labels.

    ``part`` is "training/120x120", "training/300x300" or "validation".
    """
    stem = f"{scene.plant.code}_{scene.day.isoformat()}"
    outlines = outline(scene.plume)
    kind = "positive" if outlines else "negative"
    path = root / "images" / part / kind / f"{stem}.tif"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_image(path, scene.image, ground)
    if outlines:
        label = {
            "data": {"image": f"/data/upload/{number}-{stem}.png"},
            "completions": [{"result": [{"value": {"points": ring}} for ring in outlines]}],
        }
        folder = root / "segmentation_labels" / part
        write_json(folder / f"{number}.json", label)
    values = (
        path.name, FUELS[scene.plant.fuel].name, round(scene.output, 1),
        round(scene.air.temperature, 1), round(scene.air.humidity, 1),
        round(scene.air.east_wind, 2), round(scene.air.north_wind, 2),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def write_labels(root: Path, rows: list[dict[str, object]]) -> None:
    """Write ``labels.csv``."""
    pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(root / "labels.csv", index=False)


def outline(plume: np.ndarray) -> list[list[list[float]]]:
    """Outer rings of the plume's pieces along the pixels' edges, in percent of the image."""
    rings = []
    for shape, _ in shapes(plume.astype(np.uint8), mask=plume):
        ring = np.array(shape["coordinates"][0])[:-1]
        if _area(ring) >= SMALLEST:
            rings.append((100.0 * ring / len(plume)).round(6).tolist())
    return rings


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float(abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2)


def _write_image(path: Path, image: np.ndarray, ground: Ground) -> None:
    bands, height, width = image.shape
    profile = {
        "driver": "GTiff", "count": bands, "height": height, "width": width, "dtype": "uint16",
        "crs": CRS, "transform": Affine(10.0, 0.0, ground.west, 0.0, -10.0, ground.north),
        "compress": "deflate", "predictor": 2, "zlevel": 1,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as file:
        file.write(image)
