"""A country of 20 km: real GeoTIFFs, a GeoPackage, EEA tables and measurements in an archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin
from shapely import LineString

from mmaq.config.data import Period
from mmaq.contracts.archive import ANCILLARY, STATIONS, Asset, Product, write_collection

EPSG = 32632
WEST, NORTH, SIDE = 600_000.0, 5_900_000.0, 20_000.0
ROAD_Y = NORTH - 5_000.0
PERIOD = Period(start="2021-03-01", end="2021-03-10")
TIME = datetime(2021, 3, 1, tzinfo=timezone.utc)
BOX = (10.4, 53.0, 10.9, 53.3)


def lonlat(x, y):
    """Degrees of points given in metres of the country's UTM zone."""
    return Transformer.from_crs(EPSG, 4326, always_xy=True).transform(x, y)


def at(x, y):
    """The same as arrays."""
    lon, lat = lonlat(x, y)
    return np.atleast_1d(lon), np.atleast_1d(lat)


def write_raster(path, values, cell, nodata=None, epsg=EPSG, west=WEST, north=NORTH):
    profile = {
        "driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1],
        "dtype": values.dtype, "crs": epsg, "transform": from_origin(west, north, cell, cell),
        "nodata": nodata,
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", **profile) as data:
        data.write(values, 1)
    return path


def write_roads(path, lines, epsg=EPSG):
    path.parent.mkdir(parents=True, exist_ok=True)
    geopandas.GeoDataFrame({"class": ["road"] * len(lines)}, geometry=lines, crs=epsg).to_file(path)
    return path


def hours(point, value, period=PERIOD, step=1, **columns):
    """An EEA Parquet table of a constant NO2 over the period, whose days are UTC."""
    first = pd.Timestamp(period.start) + pd.Timedelta(hours=1)
    count = ((period.end - period.start).days + 1) * 24 // step
    start = first + pd.to_timedelta(np.arange(count) * step, unit="h")
    table = {
        "Samplingpoint": f"DE/{point}", "Pollutant": 8, "Start": start,
        "End": start + pd.Timedelta(hours=step), "Value": Decimal(str(value)), "Unit": "ug.m-3",
        "AggType": "hour" if step == 1 else "day", "Validity": 1, "Verification": 1,
    }  # fmt: skip
    return pd.DataFrame({**table, **columns})


def metadata_row(station, x, y, **columns):
    """A row of the EEA station table."""
    lon, lat = lonlat(x, y)
    row = {
        "Countrycode": "DE", "AirQualityStation": station, "SamplingPoint": f"SPO-{station}",
        "AirPollutantCode": "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/8",
        "ObservationDateBegin": "2010-01-01T00:00:00", "Longitude": lon, "Latitude": lat,
        "Altitude": 50.0, "AirQualityStationType": "background", "AirQualityStationArea": "urban",
    }  # fmt: skip
    return {**row, **columns}


@dataclass
class Country:
    """Folders of a small archive; change a file, then call ``write``."""

    root: Path
    period: Period = PERIOD

    @property
    def maps(self):
        return self.root / ANCILLARY

    @property
    def tables(self):
        return self.root / STATIONS / "stations"

    def write_maps(self):
        """Altitude rises 1 m a 100 m eastward; people and houses live west of the middle."""
        cells = int(SIDE / 100)
        east = np.tile(np.arange(cells, dtype="f4"), (cells, 1))
        write_raster(self.maps / "dem.tif", east, 100.0, nodata=-9999.0)
        people = np.where(np.arange(20) < 10, 2000.0, 100.0).astype("f4")
        write_raster(self.maps / "population.tif", np.tile(people, (20, 1)), 1000.0, nodata=-1.0)
        cover = np.where(east < cells / 2, 112, 312).astype("i2")
        write_raster(self.maps / "land_cover.tif", cover, 100.0, nodata=0)
        line = LineString([(WEST, ROAD_Y), (WEST + SIDE, ROAD_Y)])
        write_roads(self.maps / "roads.gpkg", [line])

    def write_tables(self, rows=None, measured=None):
        """Stations A (west), B (east) and C (east, no altitude); NO2 30, 10 and 12."""
        middle = NORTH - SIDE / 2
        if rows is None:
            rows = [
                metadata_row("A", WEST + 4000, middle, AirQualityStationType="traffic"),
                metadata_row("B", WEST + 15000, middle, AirQualityStationArea="rural-remote"),
                metadata_row("C", WEST + 16000, middle, Altitude=-9999.0),
            ]
        if measured is None:
            measured = [hours("SPO-A", 30), hours("SPO-B", 10), hours("SPO-C", 12)]
        self.tables.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(self.tables / "table.csv", sep="\t", index=False)
        pd.concat(measured).to_parquet(self.tables / "measurements.parquet", index=False)

    def write_unlabelled(self, text=None):
        lon, lat = lonlat(WEST + 10_000, ROAD_Y - 700)
        path = self.root / STATIONS / "unlabelled" / "table.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or f"site_id,lon,lat,country\nU1,{lon},{lat},DE\n")

    def write(self, properties=None):
        """Catalogue what lies in the folders."""
        maps = {"dem": "dem.tif", "population": "population.tif", "land_cover": "land_cover.tif",
                "roads": "roads.gpkg"}  # fmt: skip
        products = [
            Product(name, ANCILLARY, TIME, BOX, {"data": Asset(self.maps / file)},
                    (properties or {}) if name == "land_cover" else {})
            for name, file in maps.items()
            if (self.maps / file).exists()
        ]  # fmt: skip
        write_collection(self.root, ANCILLARY, "maps", products)
        assets = {"table": Asset(self.tables / "table.csv")}
        for path in sorted(self.tables.glob("*.parquet")):
            assets[path.stem] = Asset(path)
        sites = [Product("stations", STATIONS, TIME, BOX, assets)]
        table = self.root / STATIONS / "unlabelled" / "table.csv"
        if table.exists():
            sites.append(Product("unlabelled", STATIONS, TIME, BOX, {"table": Asset(table)}))
        write_collection(self.root, STATIONS, "stations", sites)
        return self.root
