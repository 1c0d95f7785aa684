"""A folder in the published layout, written file by file."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import rasterio
from affine import Affine

FUEL = "Fossil Gas"


class Folder:
    """Scenes are added one by one; ``finish`` writes labels.csv."""

    def __init__(self, root):
        self.root, self.rows = root, []
        (root / "images").mkdir(parents=True)
        (root / "segmentation_labels").mkdir()

    def add(self, name, image, rings=(), fuel=FUEL, part="training/120x120", place=None):
        """``rings`` in percent; ``place`` is easting and northing of the centre, or nothing."""
        kind = "positive" if rings else "negative"
        path = self.root / "images" / part / kind / f"{name}.tif"
        write_tif(path, image, place)
        if rings:
            self.outline(f"/data/upload/{len(self.rows)}-{name}.png", rings, part)
        self.rows.append({"filename": path.name, "fuel_type": fuel, "gen_output": 100.0})
        return path

    def outline(self, image, rings, part="training/120x120"):
        path = self.root / "segmentation_labels" / part / f"{len(self.rows)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        results = [{"value": {"points": np.asarray(ring).tolist()}} for ring in rings]
        label = {"data": {"image": image}, "completions": [{"result": results}]}
        path.write_text(json.dumps(label))
        return path

    def finish(self):
        pd.DataFrame(self.rows).to_csv(self.root / "labels.csv", index=False)
        return self.root


def write_tif(path, image, place=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = image.shape
    profile = {"driver": "GTiff", "count": bands, "height": height, "width": width}
    if place is not None:
        west, north = place[0] - 5 * width, place[1] + 5 * height
        profile |= {"crs": "EPSG:32632", "transform": Affine(10, 0, west, 0, -10, north)}
    with rasterio.open(path, "w", dtype=image.dtype, **profile) as file:
        file.write(image)


def noise_image(rng, side=120, bands=13):
    return rng.integers(500, 1500, (bands, side, side)).astype(np.uint16)


def plume_image(rng, ring, side=120):
    """An image that is brighter inside of the rectangle ``ring`` (percent)."""
    image = noise_image(rng, side)
    (left, top), (right, bottom) = (np.array(ring)[[0, 2]] * side / 100).round().astype(int)
    image[:, top:bottom, left:right] += 3000
    return image


def box(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]
