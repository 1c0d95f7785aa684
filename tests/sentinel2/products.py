"""Small Sentinel-2 products: real GeoTIFFs of a few kilometres, in a real archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin

from mmaq.contracts.archive import SENTINEL2, Asset, Product, write_collection
from mmaq.vocabulary import BANDS

EPSG = 32632
WEST, NORTH = 600_000.0, 5_900_040.0
SIDE = 2400.0
RESOLUTION = {
    10: ("B02", "B03", "B04", "B08"),
    20: ("B05", "B06", "B07", "B8A", "B11", "B12"),
    60: ("B01", "B09"),
}


def ramp(band: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """DN that rises linearly to the east and the south, at its own rate in each band."""
    return 2000 + 50 * BANDS.index(band) + (x - WEST) / 4 + (NORTH - y) / 2


def centres(pixel: float, side: float = SIDE) -> tuple[np.ndarray, np.ndarray]:
    along = (np.arange(round(side / pixel)) + 0.5) * pixel
    return np.meshgrid(WEST + along, NORTH - along)


def write_raster(path: Path, bands: np.ndarray, pixel: float, dtype: str = "uint16") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "GTiff", "count": len(bands), "height": bands.shape[1], "width": bands.shape[2],
        "dtype": dtype, "crs": EPSG, "transform": from_origin(WEST, NORTH, pixel, pixel),
        "tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate",
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as data:
        data.write(bands.astype(dtype))
    return path


@dataclass
class Country:
    """An archive that tests fill with products of one tile; call ``write`` when they are in."""

    root: Path
    products: list[Product] = field(default_factory=list)

    def add(self, id, day=1, dn=ramp, scl=None, offset=-1000, single=False, scale=1):
        """Add a product: ``dn(band, x, y)`` gives DN, ``scl(x, y)`` classes (default all 4)."""
        folder = self.root / SENTINEL2 / id
        assets = {}
        for resolution, names in RESOLUTION.items():
            x, y = centres(resolution * scale, SIDE * scale)
            layers = np.stack([np.rint(dn(band, x, y)) for band in names])
            if single:
                for band, layer in zip(names, layers, strict=True):
                    path = write_raster(folder / f"{band}.tif", layer[None], resolution * scale)
                    assets[band] = Asset(path)
            else:
                path = write_raster(folder / f"R{resolution}m.tif", layers, resolution * scale)
                assets[f"R{resolution}m"] = Asset(path, names)
        x, y = centres(20 * scale, SIDE * scale)
        classes = np.full(x.shape, 4) if scl is None else scl(x, y)
        path = write_raster(folder / "SCL.tif", classes[None], 20 * scale, "uint8")
        assets["SCL"] = Asset(path)
        time = datetime(2021, 6, day, 10, 30, tzinfo=timezone.utc)
        properties = {"boa_offset": offset, "proj:epsg": EPSG}
        product = Product(id, SENTINEL2, time, footprint(SIDE * scale), assets, properties)
        self.products.append(product)
        return product

    def write(self) -> Path:
        write_collection(self.root, SENTINEL2, "Test products", self.products)
        return self.root


def footprint(side: float = SIDE) -> tuple[float, float, float, float]:
    back = Transformer.from_crs(EPSG, 4326, always_xy=True)
    return back.transform_bounds(WEST, NORTH - side, WEST + side, NORTH)


def sites_at(*offsets: tuple[float, float]) -> pd.DataFrame:
    """Sites at metres east and south of the tile's north-west corner."""
    back = Transformer.from_crs(EPSG, 4326, always_xy=True)
    places = [back.transform(WEST + east, NORTH - south) for east, south in offsets]
    lon, lat = zip(*places, strict=True)
    return pd.DataFrame({"site_id": [f"s{i}" for i in range(len(lon))], "lon": lon, "lat": lat})
