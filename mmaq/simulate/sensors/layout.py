"""The official NetCDF layout of a Sentinel-5P L2 NO2 granule.

After the product user manual (S5P-KNMI-L2-0021-MA).

Only variables that MMAQ or HARP reads, or that belong to the retrieval's arithmetic, are listed;
what no value could honestly be simulated for (fit diagnostics, say) is left out.
"""

from __future__ import annotations

from typing import NamedTuple

FILL = {
    "f4": 9.96921e36,
    "f8": 9.969209968386869e36,
    "i4": -2147483647,
    "u1": 255,
    "u4": 4294967295,
}

PRODUCT = "PRODUCT"

GEOLOCATIONS = "PRODUCT/SUPPORT_DATA/GEOLOCATIONS"

DETAILED = "PRODUCT/SUPPORT_DATA/DETAILED_RESULTS"

INPUT = "PRODUCT/SUPPORT_DATA/INPUT_DATA"

DIMENSIONS = {
    "scanline": 0,
    "ground_pixel": 450,
    "corner": 4,
    "time": 1,
    "layer": 34,
    "vertices": 2,
}

PIXEL = ("time", "scanline", "ground_pixel")

SCAN = ("time", "scanline")

CORNER = (*PIXEL, "corner")

PLACE = -12
"""Latitudes and longitudes are whole multiples of 2**PLACE degrees (27 m)."""


class Variable(NamedTuple):
    """Where a variable lies and what it says of itself; ``bits`` of the mantissa are kept, or if
    negative, multiples of 2**bits."""

    group: str
    dtype: str
    dimensions: tuple[str, ...]
    units: str
    long_name: str
    bits: int = 10


VARIABLES = {
    "scanline": Variable(PRODUCT, "i4", ("scanline",), "1", "along-track dimension index"),
    "ground_pixel": Variable(
        PRODUCT, "i4", ("ground_pixel",), "1", "across-track dimension index"
    ),
    "time": Variable(PRODUCT, "i4", ("time",), "", "reference time for the measurements"),
    "corner": Variable(PRODUCT, "i4", ("corner",), "1", "pixel corner index"),
    "layer": Variable(PRODUCT, "i4", ("layer",), "1", "TM5 layer index"),
    "latitude": Variable(PRODUCT, "f4", PIXEL, "degrees_north", "pixel center latitude", PLACE),
    "longitude": Variable(PRODUCT, "f4", PIXEL, "degrees_east", "pixel center longitude", PLACE),
    "delta_time": Variable(
        PRODUCT, "i4", SCAN, "", "offset of start time of measurement relative to time_reference"
    ),
    "qa_value": Variable(PRODUCT, "u1", PIXEL, "1", "data quality value"),
    "nitrogendioxide_tropospheric_column": Variable(
        PRODUCT, "f4", PIXEL, "mol m-2", "Tropospheric vertical column of nitrogen dioxide", 12
    ),
    "nitrogendioxide_tropospheric_column_precision": Variable(
        PRODUCT, "f4", PIXEL, "mol m-2",
        "Precision of the tropospheric vertical column of nitrogen dioxide",
    ),
    "averaging_kernel": Variable(PRODUCT, "f4", (*PIXEL, "layer"), "1", "Averaging kernel", 6),
    "air_mass_factor_troposphere": Variable(
        PRODUCT, "f4", PIXEL, "1", "Tropospheric air mass factor"
    ),
    "air_mass_factor_total": Variable(PRODUCT, "f4", PIXEL, "1", "Total air mass factor"),
    "tm5_tropopause_layer_index": Variable(
        PRODUCT, "i4", PIXEL, "1", "TM5 layer index of the highest layer in the tropopause"
    ),
    "tm5_constant_a": Variable(
        PRODUCT, "f8", ("layer", "vertices"), "Pa", "TM5 hybrid A coefficient", 52
    ),
    "tm5_constant_b": Variable(
        PRODUCT, "f8", ("layer", "vertices"), "1", "TM5 hybrid B coefficient", 52
    ),
    "satellite_latitude": Variable(
        GEOLOCATIONS, "f4", SCAN, "degrees_north", "sub-satellite latitude", 23
    ),
    "satellite_longitude": Variable(
        GEOLOCATIONS, "f4", SCAN, "degrees_east", "sub-satellite longitude", 23
    ),
    "satellite_altitude": Variable(GEOLOCATIONS, "f4", SCAN, "m", "satellite altitude", 23),
    "solar_zenith_angle": Variable(GEOLOCATIONS, "f4", PIXEL, "degree", "solar zenith angle"),
    "solar_azimuth_angle": Variable(GEOLOCATIONS, "f4", PIXEL, "degree", "solar azimuth angle"),
    "viewing_zenith_angle": Variable(GEOLOCATIONS, "f4", PIXEL, "degree", "viewing zenith angle"),
    "viewing_azimuth_angle": Variable(
        GEOLOCATIONS, "f4", PIXEL, "degree", "viewing azimuth angle"
    ),
    "latitude_bounds": Variable(
        GEOLOCATIONS, "f4", CORNER, "degrees_north", "latitude bounds", PLACE
    ),
    "longitude_bounds": Variable(
        GEOLOCATIONS, "f4", CORNER, "degrees_east", "longitude bounds", PLACE
    ),
    "processing_quality_flags": Variable(
        DETAILED, "u4", PIXEL, "1", "Processing quality flags"
    ),
    "nitrogendioxide_stratospheric_column": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Stratospheric vertical column of nitrogen dioxide"
    ),
    "nitrogendioxide_stratospheric_column_precision": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Precision of the stratospheric vertical column"
    ),
    "nitrogendioxide_total_column": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Total vertical column: slant column by total AMF", 12
    ),
    "nitrogendioxide_total_column_precision": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Precision of the total vertical column"
    ),
    "nitrogendioxide_summed_total_column": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Sum of tropospheric and stratospheric columns", 12
    ),
    "nitrogendioxide_summed_total_column_precision": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Precision of the summed total column"
    ),
    "nitrogendioxide_slant_column_density": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Nitrogen dioxide slant column density", 12
    ),
    "nitrogendioxide_slant_column_density_precision": Variable(
        DETAILED, "f4", PIXEL, "mol m-2", "Precision of the slant column density"
    ),
    "air_mass_factor_stratosphere": Variable(
        DETAILED, "f4", PIXEL, "1", "Stratospheric air mass factor"
    ),
    "air_mass_factor_clear": Variable(
        DETAILED, "f4", PIXEL, "1", "Air mass factor for the cloud-free part of the scene"
    ),
    "cloud_fraction_crb_nitrogendioxide_window": Variable(
        DETAILED, "f4", PIXEL, "1", "Cloud fraction at 440 nm for NO2 retrieval"
    ),
    "cloud_radiance_fraction_nitrogendioxide_window": Variable(
        DETAILED, "f4", PIXEL, "1", "Cloud radiance fraction at 440 nm for NO2 retrieval"
    ),
    "surface_altitude": Variable(INPUT, "f4", PIXEL, "m", "Surface altitude"),
    "surface_altitude_precision": Variable(
        INPUT, "f4", PIXEL, "m", "Standard deviation of the surface altitude"
    ),
    "surface_pressure": Variable(INPUT, "f4", PIXEL, "Pa", "Surface pressure", 16),
    "surface_albedo_nitrogendioxide_window": Variable(
        INPUT, "f4", PIXEL, "1", "Surface albedo in the NO2 fit window"
    ),
    "cloud_fraction_crb": Variable(INPUT, "f4", PIXEL, "1", "Cloud fraction from FRESCO"),
    "cloud_pressure_crb": Variable(INPUT, "f4", PIXEL, "Pa", "Cloud optical centroid pressure"),
    "cloud_albedo_crb": Variable(INPUT, "f4", PIXEL, "1", "Cloud albedo"),
    "aerosol_index_354_388": Variable(INPUT, "f4", PIXEL, "1", "Aerosol index 354/388 nm"),
    "cloud_height_crb": Variable(INPUT, "f4", PIXEL, "m", "Cloud optical centroid height"),
    "scene_albedo": Variable(INPUT, "f4", PIXEL, "1", "Scene albedo"),
    "apparent_scene_pressure": Variable(INPUT, "f4", PIXEL, "Pa", "Apparent scene pressure"),
    "snow_ice_flag": Variable(INPUT, "u1", PIXEL, "", "Snow-ice flag (NISE)"),
    "surface_albedo": Variable(INPUT, "f4", PIXEL, "1", "Surface albedo at 758 nm"),
    "eastward_wind": Variable(INPUT, "f4", PIXEL, "m s-1", "Eastward wind at 10 m"),
    "northward_wind": Variable(INPUT, "f4", PIXEL, "m s-1", "Northward wind at 10 m"),
}  # fmt: skip
