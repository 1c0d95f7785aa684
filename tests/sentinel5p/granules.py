"""Small granules in the official layout, and random footprints."""

from __future__ import annotations

import warnings

import netCDF4
import numpy as np

from mmaq.sentinel5p.granule import Footprints, Granule

COLUMN = "nitrogendioxide_tropospheric_column"
SLANT = "nitrogendioxide_slant_column_density"
FILL = np.float32(9.96921e36)
MIDNIGHT = 4019 * 86400
"""2 January 2021 in seconds since 2010-01-01."""
PIXEL = ("time", "scanline", "ground_pixel")


def product_name(day=1, version="020400", gas="NO2___", collection="03"):
    hours = f"202101{day:02d}T110000_202101{day:02d}T124000"
    return f"S5P_OFFL_L2__{gas}_{hours}_{16700 + day}_{collection}_{version}_20210301T000000"


def swath(scanlines=12, pixels=10, west=4.0, south=50.2, step=0.11, tilt=0.02):
    """Corners (scanlines, pixels, 4) of a tilted swath, counterclockwise from the lower left."""
    row, column = np.mgrid[0 : scanlines + 1, 0 : pixels + 1].astype(float)
    lon = west + step * column + tilt * row
    lat = south + 0.6 * step * row - tilt * column
    order = [(0, 0), (0, 1), (1, 1), (1, 0)]
    pick = [(slice(a, a + scanlines), slice(b, b + pixels)) for a, b in order]
    return np.stack([lon[p] for p in pick], -1), np.stack([lat[p] for p in pick], -1)


def write_granule(
    path, value, lon, lat, qa=None, sigma=None, name=None, omit=(), variable=COLUMN, cloud=None,
    sun=None, chunks=None, units="mol m-2",
):  # fmt: skip
    """Write arrays (scanlines, pixels[, 4]) as an official product; NaN becomes fill.

    Scanline n is seen n seconds after midnight, 2 January 2021.
    """
    qa = np.full(value.shape, 100) if qa is None else qa
    with netCDF4.Dataset(path, "w") as data:
        data.id = name or product_name()
        product = data.createGroup("PRODUCT")
        for dimension, size in zip((*PIXEL, "corner"), (1, *value.shape, 4), strict=True):
            product.createDimension(dimension, size)
        place = product.createGroup("SUPPORT_DATA/GEOLOCATIONS")
        detailed = product.createGroup("SUPPORT_DATA/DETAILED_RESULTS")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a pixel without any corner
            centre = np.nanmean(lat, axis=-1)
        for group, key, array, unit in (
            (product, "latitude", centre, "degrees_north"),
            (product, variable, value, units),
            (product, f"{variable}_precision", sigma, units),
            (detailed, SLANT, 2 * value, "mol m-2"),
            (detailed, "cloud_fraction_crb", cloud, "1"),
            (place, "solar_zenith_angle", sun, "degree"),
            (place, "longitude_bounds", lon, "degrees_east"),
            (place, "latitude_bounds", lat, "degrees_north"),
        ):
            if array is not None and key not in omit:
                dimensions = (*PIXEL, "corner")[: array.ndim + 1]
                tiles = None if chunks is None else (1, *chunks, 4)[: array.ndim + 1]
                made = group.createVariable(
                    key, "f4", dimensions, fill_value=FILL, compression="zlib", chunksizes=tiles
                )
                made.units = unit
                if key == COLUMN:
                    made.standard_name = "troposphere_mole_content_of_nitrogen_dioxide"
                made[:] = np.where(np.isnan(array), FILL, array)[None]
        if "qa_value" not in omit:
            quality = product.createVariable(
                "qa_value", "u1", PIXEL, fill_value=255, compression="zlib"
            )
            quality.setncatts({"scale_factor": np.float32(0.01), "add_offset": np.float32(0)})
            quality.set_auto_maskandscale(False)
            quality[:] = qa[None]
        product.createVariable("time", "i4", ("time",), fill_value=-1)[:] = MIDNIGHT
        product["time"].units = "seconds since 2010-01-01 00:00:00"
        delta = product.createVariable("delta_time", "i4", ("time", "scanline"), fill_value=-1)
        delta.units = "milliseconds since 2021-01-02 00:00:00"
        delta[:] = 1000 * np.arange(value.shape[0])[None]
    return path


def make_footprints(lon, lat, value, sigma=None, name="granule"):
    lon, lat = (np.asarray(array, float).reshape(-1, 4) for array in (lon, lat))
    value = np.asarray(value, float).ravel()
    sigma = np.full(value.shape, 1e-5) if sigma is None else np.asarray(sigma, float).ravel()
    about = (Granule(name), "mol m-2", "", len(value))
    return Footprints(*about, lon, lat, value, sigma, np.arange(len(value), dtype=float))


def random_quads(rng, number, box=(4.0, 50.0, 6.0, 51.5), size=0.2, margin=0.1):
    """Convex quadrilaterals around random places in ``box``, in random orientation."""
    west, south, east, north = box
    centre = rng.uniform((west - margin, south - margin), (east + margin, north + margin),
                         (number, 2))  # fmt: skip
    angle = np.arange(4) * np.pi / 2 + rng.uniform(0, np.pi / 3, (number, 4))
    angle += rng.uniform(0, 2 * np.pi, (number, 1))
    turn = rng.choice([-1, 1], (number, 1))
    radius = size * rng.uniform(0.3, 1, (number, 2))
    lon = centre[:, :1] + radius[:, :1] * np.cos(turn * angle)
    lat = centre[:, 1:] + radius[:, 1:] * np.sin(turn * angle)
    return lon, lat
