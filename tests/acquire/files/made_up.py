"""Files as a user has them: band files of a scene, granules, maps, tables."""

from __future__ import annotations

import geopandas
import netCDF4
import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import from_origin
from shapely import LineString

from mmaq.vocabulary import BANDS

PRODUCT = "S2B_MSIL2A_20210603T103629_N0300_R008_T32UNE_20210603T135802"
GRANULE = "S5P_{0}_L2__{1}_20210603T110000_20210603T124000_{2:05d}_02_{3}_20210605T040506"


def write_raster(path, value=1000, crs=32632, dtype="uint16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": 1, "height": 6, "width": 6, "dtype": dtype,
               "crs": crs, "transform": from_origin(600_000, 5_900_000, 60, 60)}  # fmt: skip
    with rasterio.open(path, "w", **profile) as data:
        data.write(np.full((1, 6, 6), value, dtype))
    return path


def write_scene(folder, mask="SCL"):
    for band in (*BANDS, mask):
        write_raster(folder / f"{band}.tif")
    return folder


def write_granule(folder, stream="OFFL", gas="NO2___", orbit=18900, processor="020202",
                  column="nitrogendioxide_tropospheric_column", lat=(50.0, 51.0, 52.5),
                  lon=(8.0, 9.5), **attributes):  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{GRANULE.format(stream, gas, orbit, processor)}.nc"
    with netCDF4.Dataset(path, "w") as data:
        data.setncatts(attributes)
        product = data.createGroup("PRODUCT")
        for name, size in (("time", 1), ("scanline", 3), ("ground_pixel", 2)):
            product.createDimension(name, size)
        grid = ("time", "scanline", "ground_pixel")
        lat, lon = np.meshgrid(lat, lon, indexing="ij")
        for name, values in (("latitude", lat), ("longitude", lon), (column, lat * 1e-6)):
            product.createVariable(name, "f4", grid)[:] = values[None]
    return path


def write_maps(folder):
    for name, value in (("dem", 100), ("population", 500), ("land_cover", 50)):
        write_raster(folder / f"{name}.tif", value, dtype="int16")
    line = LineString([(600_000, 5_899_900), (600_400, 5_899_900)])
    roads = geopandas.GeoDataFrame({"class": ["a"]}, geometry=[line], crs=32632)
    roads.to_file(folder / "roads.gpkg")
    return folder


def write_stations(folder):
    (folder / "2021").mkdir(parents=True)
    start = pd.date_range("2021-06-01 01:00", periods=48, freq="h")
    measured = {
        "Samplingpoint": "DE/SPO-A", "Pollutant": 8, "Start": start,
        "End": start + pd.Timedelta(hours=1), "Value": 21.0, "Unit": "ug.m-3", "AggType": "hour",
        "Validity": 1, "Verification": 1,
    }  # fmt: skip
    pd.DataFrame(measured).to_parquet(folder / "2021" / "SPO-A.parquet")
    row = {
        "Countrycode": "DE", "AirQualityStation": "STA-A", "SamplingPoint": "SPO-A",
        "AirPollutantCode": "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8",
        "ObservationDateBegin": "2010-01-01", "Longitude": 10.4975, "Latitude": 53.2364,
        "Altitude": 40, "AirQualityStationType": "traffic", "AirQualityStationArea": "urban",
    }  # fmt: skip
    pd.DataFrame([row]).to_csv(folder / "PanEuropean_metadata.csv", sep="\t", index=False)
    (folder / "old.zip").write_bytes(b"PK no archive")
    (folder / "notes.csv").write_text("station;remark\nA;moved\n")
    return folder
