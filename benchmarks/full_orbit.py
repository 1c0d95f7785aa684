"""Whole orbits in the official layout, 4172 x 450 pixels, for benchmarks and tests.

Places, times and pixel corners are those of the real orbit; columns, cloud and quality are
random fields. Every number keeps all its bits and every variable is one chunk, which is the hard
case for a reader. Of the layout, what gridding or HARP's ingestion needs is there.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import netCDF4
import numpy as np
from scipy import ndimage

from mmaq.base.files import replacing
from mmaq.simulate.sensors.granule import Naming, attributes_of, root_attributes, write_metadata
from mmaq.simulate.sensors.layout import DIMENSIONS, FILL, INPUT, PRODUCT, VARIABLES
from mmaq.simulate.sensors.orbits import SCANLINES, Swath, orbit_of, whole_swath

COLUMN = "nitrogendioxide_tropospheric_column"
CLEAR, CLOUDY, FAILED = 100, 74, 0
CLEAR_SHARE = 0.45


def write_full_orbit(folder: Path, day: date, lon: float = 10.0, lat: float = 53.0) -> Path:
    """Write the orbit of ``day`` that passes nearest to a place; the same call, the same bytes."""
    orbit = orbit_of(day, lon, lat)
    swath = whole_swath(orbit)
    first, last = (orbit.node_time + timedelta(seconds=float(s)) for s in swath.seconds[[0, -1]])
    naming = Naming(orbit, first, last)
    path = folder / f"{naming.id}.nc"
    values = _observations(swath, orbit.number) | {
        "time": np.array([(naming.midnight.date() - date(2010, 1, 1)).days * 86400]),
        "delta_time": 1000 * (swath.seconds + (orbit.node_time - naming.midnight).total_seconds()),
    }
    with replacing(path) as part, netCDF4.Dataset(part, "w") as file:
        product = file.createGroup(PRODUCT)
        for name, size in DIMENSIONS.items():
            product.createDimension(name, size or SCANLINES)
        file.createGroup(INPUT)
        for name, array in values.items():
            _write(file, name, array, naming)
        file.setncatts(root_attributes(naming))
        write_metadata(file.createGroup("METADATA"), naming)
    return path


def _observations(swath: Swath, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = swath.lat.shape
    cloud = _texture(rng, shape, 40) + 0.6 * _texture(rng, shape, 12)
    edge = np.quantile(cloud, CLEAR_SHARE)
    column = 3e-5 * np.exp(0.8 * _texture(rng, shape, 8)) + 1e-5 * rng.normal(size=shape)
    failed = rng.random(shape) < 0.02
    quality = np.where(cloud < edge, CLEAR, CLOUDY)
    quality[failed], column[failed] = FAILED, np.nan
    return {
        "scanline": np.arange(shape[0]),
        "ground_pixel": np.arange(shape[1]),
        "corner": np.arange(DIMENSIONS["corner"]),
        "layer": np.arange(DIMENSIONS["layer"]),
        "tm5_constant_a": np.zeros((DIMENSIONS["layer"], 2)),
        "tm5_constant_b": np.zeros((DIMENSIONS["layer"], 2)),
        "latitude": swath.lat,
        "longitude": swath.lon,
        "latitude_bounds": swath.bounds(swath.lat_edges),
        "longitude_bounds": swath.bounds(swath.lon_edges),
        "qa_value": quality,
        COLUMN: column,
        f"{COLUMN}_precision": 1e-5 + 0.2 * np.abs(column),
        "cloud_fraction_crb_nitrogendioxide_window": (cloud - edge + 0.2).clip(0, 1),
    }


def _texture(rng: np.random.Generator, shape: tuple[int, ...], scale: int) -> np.ndarray:
    """A smooth random field of unit variance at nodes ``scale`` pixels apart."""
    nodes = rng.normal(size=[size // scale + 2 for size in shape])
    rows, columns = shape
    return ndimage.zoom(nodes, scale, order=1)[:rows, :columns]


def _write(file: netCDF4.Dataset, name: str, array: np.ndarray, naming: Naming) -> None:
    spec = VARIABLES[name]
    shape = [file[PRODUCT].dimensions[dimension].size for dimension in spec.dimensions]
    image = "ground_pixel" in spec.dimensions and len(shape) > 1
    variable = file.createGroup(spec.group).createVariable(
        name, spec.dtype, spec.dimensions, compression="zlib" if image else None, complevel=3,
        chunksizes=shape if image else None, contiguous=not image, fill_value=FILL[spec.dtype],
    )  # fmt: skip
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes_of(name, naming))
    array = np.asarray(array).reshape(shape)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), FILL[spec.dtype], array)
    variable[:] = array.astype(spec.dtype)
