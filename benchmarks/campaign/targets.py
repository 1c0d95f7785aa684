"""What is damaged: for each format a few healthy inputs, and what a user would read them with.

A target's reader gives the figures that came out, by quantity; ``RANGES`` says what each can be.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import torch

from benchmarks.campaign import mutate
from mmaq.acquire.services.unpack import unpack_zip
from mmaq.acquire.stage import acquire
from mmaq.base.files import write_json
from mmaq.config.data import Covariates, Files, Grid, Landuse, Published
from mmaq.config.load import load_config
from mmaq.contracts.archive import SENTINEL2
from mmaq.contracts.benchmark import check_whole, read_benchmark, write_benchmark
from mmaq.contracts.checkpoint import KEY, PREFIX, read_tensors
from mmaq.contracts.patches import ARRAYS, open_store
from mmaq.contracts.predictions import join_predictions, read_fits, read_predictions, write_fits
from mmaq.contracts.sites import ALTITUDES, DENSITIES, HIGHEST, read_sites
from mmaq.contracts.stations import one_row_a_station, read_metadata
from mmaq.landuse.maps import disc_means, disc_shares, point_values
from mmaq.landuse.measurements import station_means
from mmaq.landuse.roads import read_roads, road_distance
from mmaq.landuse.stage import landuse, landuse_published
from mmaq.landuse.stations import check_places, one_hot
from mmaq.learn.checkpoint import load_encoders, save_encoders
from mmaq.learn.data import compute_statistics, load_inputs
from mmaq.learn.keep import Names, resumable
from mmaq.patches.published import read_sentinel2, read_sentinel5p
from mmaq.patches.stage import patches
from mmaq.predict.stage import predict
from mmaq.sentinel2.cut import cut_windows
from mmaq.sentinel5p.by_hand import grid_files
from mmaq.sentinel5p.level3 import read_level3
from mmaq.sentinel5p.stage import grid, grid_part
from mmaq.transfer.labels import read_fuels, read_outlines
from mmaq.transfer.rasters import read_image
from mmaq.transfer.store import open_plant_store, write_plant_store

Figures = dict[str, np.ndarray]

RANGES = {
    "lon": (-180.0, 180.0), "lat": (-90.0, 90.0), "altitude": (-430.0, 9000.0),
    "population_density": (0.0, 2e5), "share": (0.0, 1.0), "flag": (0.0, 1.0),
    "road_distance": (0.0, 2.1e7), "no2": (0.0, HIGHEST["no2"]), "reflectance": (0.0, 65535.0),
    "column": (-1.0, 1.0), "weight": (-1e30, 1e30), "percent": (-5.0, 105.0),
    "concentration": (0.0, HIGHEST["no2"]), "any": (-np.inf, np.inf), "fraction": (-1e9, 1e9),
}  # fmt: skip
"""The least and the most that a quantity can be; missing (NaN) is allowed where the key says so."""

MISSING = frozenset(RANGES) - {"weight", "reflectance", "flag"}


@dataclass(frozen=True)
class Target:
    """One kind of input and its reader.

    ``file`` is what is damaged, below the folder that ``make`` fills; ``named`` are further words
    by which a fault may name it: a product whose only file it is.
    """

    name: str
    format: str
    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], Figures]
    retype: mutate.Change
    reshape: mutate.Change
    recode: mutate.Change | None = None
    named: tuple[str, ...] = ()
    outputs: tuple[str, ...] = field(default=("out",))


def _plain(sites: pd.DataFrame) -> Figures:
    shares = [name for name in sites if name.startswith("share_") or name.endswith("_score")]
    flags = ["rural", "suburban", "urban", "traffic", "industrial", "background"]
    found = {name: sites[name].to_numpy(float) for name in
             ("lon", "lat", "altitude", "population_density", "road_distance", "no2")}  # fmt: skip
    return {**found, "share": sites[[*shares, *flags]].to_numpy(float)}


# ---- a small country: maps, roads, tables, measurements ----------------------------------------


def _country(folder: Path) -> None:
    from tests.landuse.small_country import Country

    country = Country(folder / "archive")
    country.write_maps()
    country.write_tables()
    country.write_unlabelled()


def _places() -> tuple[np.ndarray, np.ndarray]:
    """Places on the maps of the small country, one near their edge, and one off them."""
    from tests.landuse.small_country import NORTH, WEST, at

    return at(
        WEST + np.array([4000, 10_050, 19_500, 30_000]), NORTH - np.array([9000, 4000, 300, 5])
    )


def _altitudes(folder: Path) -> Figures:
    path = folder / "archive" / "ancillary" / "dem.tif"
    return {"altitude": point_values(path, *_places(), possible=ALTITUDES)}


def _densities(folder: Path) -> Figures:
    path = folder / "archive" / "ancillary" / "population.tif"
    return {"population_density": disc_means(path, *_places(), 1000.0, possible=DENSITIES)}


def _shares(folder: Path) -> Figures:
    path = folder / "archive" / "ancillary" / "land_cover.tif"
    return {"share": disc_shares(path, *_places(), 1000.0, None).to_numpy(float)}


def _distances(folder: Path) -> Figures:
    roads = read_roads(folder / "archive/ancillary/roads.gpkg")
    return {"road_distance": road_distance(roads, *_places())}


def _measured(folder: Path) -> Figures:
    from tests.landuse.small_country import PERIOD

    path = folder / "archive" / "stations" / "stations" / "measurements.parquet"
    known = pd.Series({f"SPO-{name}": name for name in "ABC"})
    return {"no2": station_means([path], known, PERIOD, 0.75).to_numpy(float)}


def _metadata(folder: Path) -> Figures:
    path = folder / "archive" / "stations" / "stations" / "table.csv"
    table = one_row_a_station(read_metadata(path))
    check_places(table, path)
    return {"lon": table["lon"].to_numpy(float), "lat": table["lat"].to_numpy(float),
            "share": one_hot(table, path).to_numpy(float)}  # fmt: skip


def _files(folder: Path) -> None:
    """The same as a user has it, for ``source: files``."""
    _country(folder)
    mine = folder / "mine"
    shutil.move(folder / "archive" / "ancillary", mine / "maps")
    shutil.move(folder / "archive" / "stations" / "stations", mine / "stations")
    shutil.move(folder / "archive" / "stations" / "unlabelled" / "table.csv", mine / "sites.csv")
    shutil.rmtree(folder / "archive")


def _from_files(folder: Path) -> Figures:
    from tests.landuse.small_country import PERIOD

    mine, archive = folder / "mine", folder / "out" / "archive"
    given = Files(ancillary=str(mine / "maps"), stations=str(mine / "stations"),
                  unlabelled=str(mine / "sites.csv"))  # fmt: skip
    acquire(config=given, archive=archive)
    out = folder / "out" / "sites.parquet"
    landuse(archive=archive, config=Landuse(), period=PERIOD, out=out)
    return _plain(read_sites(out))


CSV, TSV = mutate.csv_changes(), mutate.csv_changes("\t")
RASTER = (mutate.retype_raster, mutate.reshape_raster)
PARQUET = (mutate.retype_parquet, mutate.reshape_parquet)
ROADS = (mutate.retype_roads, mutate.reshape_roads)
JSON = (mutate.retype_json, mutate.reshape_json, mutate.recode)
NPY = (mutate.retype_npy, mutate.reshape_npy)
NETCDF = (mutate.retype_netcdf, mutate.reshape_netcdf)
ZIP = (mutate.retype_zip, mutate.reshape_zip, mutate.recode_zip)
MAPS, TABLES = "archive/ancillary", "archive/stations"

COUNTRY = [
    Target("elevation", "GeoTIFF", f"{MAPS}/dem.tif", _country, _altitudes, *RASTER),
    Target("population", "GeoTIFF", f"{MAPS}/population.tif", _country, _densities, *RASTER),
    Target("land cover", "GeoTIFF", f"{MAPS}/land_cover.tif", _country, _shares, *RASTER),
    *(Target(f"{name} of the user's files", "GeoTIFF", f"mine/maps/{name}.tif", _files,
             _from_files, *RASTER) for name in ("dem", "population", "land_cover")),
    Target("roads", "GeoPackage", f"{MAPS}/roads.gpkg", _country, _distances, *ROADS),
    Target("roads of the user's files", "GeoPackage", "mine/maps/roads.gpkg", _files, _from_files,
           *ROADS),
    Target("measurements", "Parquet", f"{TABLES}/stations/measurements.parquet", _country,
           _measured, *PARQUET),
    Target("measurements of the user's files", "Parquet", "mine/stations/measurements.parquet",
           _files, _from_files, *PARQUET),
    Target("EEA station table", "CSV", f"{TABLES}/stations/table.csv", _country, _metadata, *TSV,
           mutate.recode),
    Target("EEA station table of the user's files", "CSV", "mine/stations/table.csv", _files,
           _from_files, *TSV, mutate.recode,
        named=("mine/stations",)),
    Target("unlabelled sites of the user's files", "CSV", "mine/sites.csv", _files, _from_files,
           *CSV, mutate.recode),
]  # fmt: skip


# ---- Sentinel-2 --------------------------------------------------------------------------------


def _scene(folder: Path) -> None:
    from tests.sentinel2.products import Country

    country = Country(folder / "archive")
    noise = np.random.default_rng(1)
    country.add("P", single=True, dn=lambda band, x, y: noise.integers(1100, 9000, x.shape))
    country.write()


def _scene_jp2(folder: Path) -> None:
    """The same in JPEG 2000, as the agency delivers it."""
    import rasterio

    _scene(folder)
    for path in (folder / "archive" / SENTINEL2 / "P").glob("*.tif"):
        with rasterio.open(path) as file:
            bands, profile = file.read(), file.profile
        kept = {
            key: profile[key] for key in ("height", "width", "count", "dtype", "crs", "transform")
        }
        path.unlink()
        with rasterio.open(path.with_suffix(".jp2"), "w", driver="JP2OpenJPEG", reversible=True,
                           quality=100, **kept) as file:  # fmt: skip
            file.write(bands)
    item = folder / "archive" / SENTINEL2 / "P" / "P.json"
    item.write_text(item.read_text(encoding="utf-8").replace(".tif", ".jp2"), encoding="utf-8")


def _windows(folder: Path) -> Figures:
    from tests.sentinel2.products import sites_at

    sites = sites_at((1200, 1200), (700, 900), (1700, 1700))
    found = cut_windows(folder / "archive", sites, 32, 0.1, 1)
    return {"reflectance": found.values, "flag": found.mask, "any": found.table["row"].to_numpy()}


def _safe(folder: Path, jp2: bool = True) -> None:
    """A SAFE folder of the user's."""
    from tests.acquire.files.made_up import PRODUCT

    _scene_jp2(folder)
    root = folder / "mine" / f"{PRODUCT}.SAFE"
    image = root / "GRANULE" / "L2A_T32UNE_A022160_20210603T103629" / "IMG_DATA"
    sizes = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B01": 60, "B09": 60}
    for path in sorted((folder / "archive" / SENTINEL2 / "P").glob("*.jp2")):
        size = sizes.get(path.stem, 20)
        target = image / f"R{size}m" / f"T32UNE_20210603T103629_{path.stem}_{size}m.jp2"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
    (root / "MTD_MSIL2A.xml").write_text(
        f"<n1:L><PRODUCT_URI>{PRODUCT}.SAFE</PRODUCT_URI>\n"
        "<PROCESSING_BASELINE>03.00</PROCESSING_BASELINE></n1:L>",
        encoding="utf-8",
    )
    shutil.rmtree(folder / "archive")


def _safe_windows(folder: Path) -> Figures:
    from tests.sentinel2.products import sites_at

    archive = folder / "out" / "archive"
    acquire(config=Files(sentinel2=str(folder / "mine")), archive=archive)
    found = cut_windows(archive, sites_at((1200, 1200), (700, 900)), 32, 0.1, 1)
    return {"reflectance": found.values, "flag": found.mask, "any": found.table["row"].to_numpy()}


def _zipped_safe(folder: Path) -> None:
    _safe(folder)
    root = folder / "mine"
    with zipfile.ZipFile(folder / "product.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(root))
    shutil.rmtree(root)


def _unpacked(folder: Path) -> Figures:
    unpack_zip(folder / "product.zip", folder / "out" / "unpacked")
    (folder / "out" / "unpacked").rename(folder / "mine")
    return _safe_windows(folder)


_IMAGES = "mine/S2B_MSIL2A_20210603T103629_N0300_R008_T32UNE_20210603T135802.SAFE/GRANULE/" \
    "L2A_T32UNE_A022160_20210603T103629/IMG_DATA"  # fmt: skip
SCENES = [
    Target("band", "GeoTIFF", f"archive/{SENTINEL2}/P/B04.tif", _scene, _windows, *RASTER),
    Target("scene classification", "GeoTIFF", f"archive/{SENTINEL2}/P/SCL.tif", _scene, _windows,
           *RASTER),
    Target("band", "JPEG 2000", f"archive/{SENTINEL2}/P/B11.jp2", _scene_jp2, _windows, *RASTER),
    Target("scene classification", "JPEG 2000", f"archive/{SENTINEL2}/P/SCL.jp2", _scene_jp2,
           _windows, *RASTER),
    Target("band of a SAFE", "JPEG 2000", f"{_IMAGES}/R10m/T32UNE_20210603T103629_B08_10m.jp2",
           _safe, _safe_windows, *RASTER, named=("S2B_MSIL2A_20210603T103629",)),
    Target("zipped SAFE", "zip", "product.zip", _zipped_safe, _unpacked, *ZIP,
           named=("S2B_MSIL2A_20210603T103629", "/mine:")),
    Target("item", "STAC JSON", f"archive/{SENTINEL2}/P/P.json", _scene, _windows, *JSON,
           named=("P:", "/P/")),
    Target("collection", "STAC JSON", f"archive/{SENTINEL2}/collection.json", _scene, _windows,
           *JSON, named=("collection",)),
]  # fmt: skip


# ---- Sentinel-5P -------------------------------------------------------------------------------

BOX = (4.0, 50.0, 6.0, 51.5)


def _granule(folder: Path) -> None:
    from tests.sentinel5p.granules import product_name, swath, write_granule

    lon, lat = swath(30, 12)
    rng = np.random.default_rng(3)
    value = rng.uniform(1e-5, 2e-4, lon.shape[:2])
    quality = rng.integers(60, 101, value.shape)
    folder.joinpath("mine").mkdir(parents=True, exist_ok=True)
    path = folder / "mine" / f"{product_name()}.nc"
    write_granule(path, value, lon, lat, quality, value / 10, chunks=(16, 12))
    bounds = {"lon_min": 4.0, "lon_max": 6.0, "lat_min": 50.0, "lat_max": 53.0}
    with netCDF4.Dataset(path, "a") as data:  # what the official product says of its place
        data.setncatts({f"geospatial_{name}": value for name, value in bounds.items()})


def _harp(folder: Path) -> None:
    from tests.sentinel5p.test_reader import write_harp

    folder.joinpath("mine").mkdir(parents=True, exist_ok=True)
    write_harp(folder / "mine" / "harp.nc")


def _mean(path: Path) -> Figures:
    found = read_level3(path)
    return {"column": found.mean, "fraction": found.weight, "any": found.count}


def _gridded(variable: str | None = None) -> Callable[[Path], Figures]:
    def read(folder: Path) -> Figures:
        given = {} if variable is None else {"variable": variable}
        (path,) = (folder / "mine").glob("*.nc")
        grid_files([path], Grid(bbox=BOX, **given), folder / "out" / "l3.nc")
        return _mean(folder / "out" / "l3.nc")

    return read


def _gridded_from_archive(folder: Path) -> Figures:
    archive, part = folder / "out" / "archive", folder / "out" / "part.nc"
    config = Grid(bbox=BOX)
    acquire(config=Files(sentinel5p=str(folder / "mine")), archive=archive)
    grid_part(archive=archive, config=config, start=date(2021, 1, 1), end=date(2021, 12, 31),
              out=part)  # fmt: skip
    grid(parts=[part], config=config, out=folder / "out" / "l3.nc")
    return _mean(folder / "out" / "l3.nc")


def _published(folder: Path) -> None:
    from tests.run.published_folder import make_folder, random_pixels

    rng = np.random.default_rng(0)
    make_folder(folder, random_pixels(1, rng), rng)
    (image,) = (folder / "sentinel-2").rglob("*.npy")
    image.rename(folder / image.name)
    (column,) = (folder / "sentinel-5p").rglob("*.netcdf")
    column.rename(folder / "column.netcdf")


def _published_column(folder: Path) -> Figures:
    values, mask = read_sentinel5p(folder / "column.netcdf", 16)
    return {"column": values, "flag": mask}


def _level3(folder: Path) -> None:
    from tests.learn.training_country import make_country

    _granule(folder)
    _gridded()(folder)
    make_country(folder / "country", 4, 2)
    _scene(folder)


def _patches(folder: Path) -> Figures:
    sites = pd.read_parquet(folder / "country" / "sites.parquet")
    sites["lon"], sites["lat"] = np.linspace(4.4, 5, len(sites)), np.linspace(50.5, 51, len(sites))
    table = folder / "placed.parquet"
    sites.to_parquet(table)
    from mmaq.config.data import Patches

    patches(archive=folder / "archive", sites=table, l3=folder / "out" / "l3.nc",
            config=Patches(s5p_size=8), out=folder / "out" / "store", workers=1)  # fmt: skip
    return _store(folder / "out" / "store")


_NAME = "S5P_OFFL_L2__NO2____20210101T110000_20210101T124000_16701_03_020400_20210301T000000"
NO_PIXEL = ("of 1 granules passes the filter",)
"""A granule without a good pixel is a valid one, so the mean is named that none is left for."""

GRANULES = [
    Target("official granule, mmaq grid FILE", "NetCDF", f"mine/{_NAME}.nc", _granule, _gridded(),
           *NETCDF, named=NO_PIXEL),
    Target("official granule of the user's files", "NetCDF", f"mine/{_NAME}.nc", _granule,
           _gridded_from_archive, *NETCDF, named=NO_PIXEL),
    Target("published column", "NetCDF", "column.netcdf", _published, _published_column, *NETCDF),
    Target("level-3 mean", "NetCDF", "out/l3.nc", _level3, _patches, *NETCDF,
           outputs=("out/store",)),
]  # fmt: skip


# ---- stores and tables of the project ----------------------------------------------------------


def _made_country(folder: Path) -> None:
    from tests.learn.training_country import make_country

    make_country(folder, 24, 6)


def _store(folder: Path) -> Figures:
    held = open_store(folder)
    arrays = {name: np.asarray(getattr(held, name)) for name in ARRAYS}
    rows = [held.rows(name, held.index["site_id"]) for name in ("s2", "s5p")]
    masks = np.concatenate([arrays["s2_mask"].ravel(), arrays["s5p_mask"].ravel()])
    rows_ = np.concatenate(rows)
    return {"reflectance": arrays["s2"], "column": arrays["s5p"], "any": rows_, "flag": masks}


def _inputs(folder: Path) -> Figures:
    """Store and sites as training reads them."""
    inputs = load_inputs(open_store(folder / "patches"), read_sites(folder / "sites.parquet"))
    values = compute_statistics(inputs).to_dict()
    numbers = json.loads(json.dumps(values))
    flat = [each for held in numbers.values() for each in np.ravel(np.array(held, float))]
    return {**_store(folder / "patches"), "weight": np.array(flat)}


def _published_image(folder: Path) -> Figures:
    (path,) = folder.glob("*.npy")
    values, mask = read_sentinel2(path, 0, 32, {})
    return {"reflectance": values, "flag": mask}


def _plants(folder: Path) -> None:
    rng = np.random.default_rng(0)
    index = pd.DataFrame({"scene_id": ["a", "b"], "location": [0, 1], "fuel": [0, -1],
                          "has_plume": [True, False], "outlined": True, "side": 120})  # fmt: skip
    images = rng.integers(0, 9000, (2, 12, 120, 120)).astype(np.uint16)
    masks = rng.integers(0, 2, (2, 120, 120)).astype(np.uint8)
    write_plant_store(folder / "plants", index, images, masks)


def _plant_store(folder: Path) -> Figures:
    held = open_plant_store(folder / "plants")
    fuel = held.index["fuel"].to_numpy(float)
    return {"reflectance": np.asarray(held.images), "flag": np.asarray(held.masks), "any": fuel}


def _plant_folder(folder: Path) -> None:
    from tests.transfer.published import Folder, box, noise_image

    made = Folder(folder / "plants")
    rng = np.random.default_rng(3)
    made.add("P00", noise_image(rng), [box(10, 10, 50, 50)], place=(400_000, 5_900_000))
    made.add("P01", noise_image(rng))
    made.finish()


def _plant_image(folder: Path) -> Figures:
    (path,) = (folder / "plants" / "images").rglob("P00.tif")
    values, _, place = read_image(path)
    return {"reflectance": values, "lon": np.array(place[:1]), "lat": np.array(place[1:])}


def _fuels(folder: Path) -> Figures:
    return {"any": np.array(list(read_fuels(folder / "plants").values()), float)}


def _outlines(folder: Path) -> Figures:
    rings = [ring for held in read_outlines(folder / "plants").values() for ring in held]
    return {"percent": np.concatenate([np.zeros(0), *map(np.ravel, rings)])}


def _sites(folder: Path) -> Figures:
    return _plain(read_sites(folder / "sites.parquet"))


def _results(folder: Path) -> None:
    from tests.report import made_up

    sites = made_up.make_sites()
    made = made_up.make_predictions(sites)
    made = made[made["method"].isin(["mean", "gbm"])]
    folder.mkdir(parents=True, exist_ok=True)
    join_predictions([made]).to_parquet(folder / "predictions.parquet", index=False)
    rows = made_up.make_rows(made_up.make_predictions(sites), sites)[:40]
    write_benchmark(rows, folder / "benchmark.csv")
    write_json(folder / "metrics.json", {"rows": {"benchmark": len(rows)}})
    entry = {"task": "no2", "protocol": "reference", "modalities": "", "label_fraction": 1.0,
             "split": "random", "n_train": 90, "n_test": 30, "seconds": 1.5,
             "reason": ""}  # fmt: skip
    write_fits(folder / "fits.csv", [{**entry, "method": name, "status": "ok"}
                                     for name in ("mean", "gbm")])  # fmt: skip


def _benchmark(folder: Path) -> Figures:
    table = read_benchmark(folder / "benchmark.csv")
    check_whole({"benchmark": (folder / "benchmark.csv", len(table))}, folder / "metrics.json")
    return {"fraction": table[["value", "low", "high"]].to_numpy(float)}


def _predictions(folder: Path) -> Figures:
    table = read_predictions(folder / "predictions.parquet")
    return {
        "no2": table["measured"].to_numpy(float),
        "fraction": table["prediction"].to_numpy(float),
    }


def _fits(folder: Path) -> Figures:
    table = read_fits(folder / "fits.csv")
    return {"fraction": table[["n_train", "n_test", "seconds"]].to_numpy(float)}


def _samples(folder: Path) -> None:
    from tests.landuse.small_country import NORTH, WEST, metadata_row

    folder.mkdir(parents=True, exist_ok=True)
    names = [f"STA-{number}" for number in range(6)]
    size = len(names)
    rng = np.random.default_rng(0)
    samples = pd.DataFrame({
        "AirQualityStation": names, "Countrycode": "DE", "Altitude": rng.uniform(0, 900, size),
        "PopulationDensity": rng.lognormal(5, 1, size), "rural": 0, "suburban": 0, "urban": 1,
        "traffic": 1, "industrial": 0, "background": 0, "no2": rng.uniform(5, 50, size),
    })  # fmt: skip
    samples.to_csv(folder / "samples.csv", index=False)
    osm = pd.DataFrame({"AirQualityStation": names, "nature_osm_score": rng.uniform(0, 1, size),
                        "manmade_osm_score": rng.uniform(0, 1, size),
                        "road_distance_osm": rng.uniform(1, 500, size)})  # fmt: skip
    osm.to_csv(folder / "osm.csv", index=False)
    stations = pd.DataFrame([metadata_row(name, WEST + 1000 * number, NORTH - 3000)
                             for number, name in enumerate(names)])  # fmt: skip
    with zipfile.ZipFile(folder / "eea.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PanEuropean_metadata.csv", stations.to_csv(sep="\t", index=False))


def _published_sites(folder: Path) -> Figures:
    config = Published(samples=str(folder / "samples.csv"), osm=str(folder / "osm.csv"),
                       eea_metadata=str(folder / "eea.zip"))  # fmt: skip
    out = folder / "out" / "sites.parquet"
    landuse_published(config=config, covariates=Covariates(), out=out)
    return _plain(read_sites(out))


STORES = [
    *(Target(f"{name} of the patch store", ".npy", f"patches/{name}.npy", _made_country, _inputs,
             *NPY, named=("/patches/",)) for name in ARRAYS),
    Target("published image", ".npy",
           "S2A_MSIL2A_20190122T095031_N0214_R079_T33UXP_20190422T142128.npy", _published,
           _published_image, *NPY),
    Target("images of the plant store", ".npy", "plants/images.npy", _plants, _plant_store, *NPY,
           named=("plants",)),
    Target("index of the patch store", "Parquet", "patches/index.parquet", _made_country, _inputs,
           *PARQUET, named=("/patches/",)),
    Target("site table", "Parquet", "sites.parquet", _made_country, _inputs, *PARQUET),
    Target("index of the plant store", "Parquet", "plants/index.parquet", _plants, _plant_store,
           *PARQUET, named=("plants",)),
    Target("test predictions", "Parquet", "predictions.parquet", _results, _predictions, *PARQUET),
    Target("description of the patch store", "STAC JSON", "patches/store.json", _made_country,
           _inputs, *JSON, named=("/patches",)),
    Target("outlines of plumes", "STAC JSON",
           "plants/segmentation_labels/training/120x120/0.json", _plant_folder, _outlines, *JSON),
    Target("metrics", "STAC JSON", "metrics.json", _results, _benchmark, *JSON,
           named=("benchmark.csv",)),
    Target("plant image", "GeoTIFF", "plants/images/training/120x120/positive/P00.tif",
           _plant_folder, _plant_image, *RASTER),
    Target("labels of plants", "CSV", "plants/labels.csv", _plant_folder, _fuels, *CSV,
           mutate.recode),
    Target("benchmark table", "CSV", "benchmark.csv", _results, _benchmark, *CSV, mutate.recode),
    Target("fits", "CSV", "fits.csv", _results, _fits, *CSV, mutate.recode),
    Target("sample table", "CSV", "samples.csv", _samples, _published_sites, *CSV, mutate.recode),
    Target("OpenStreetMap columns", "CSV", "osm.csv", _samples, _published_sites, *CSV,
           mutate.recode),
    Target("zipped station table", "zip", "eea.zip", _samples, _published_sites, *ZIP),
]  # fmt: skip


# ---- encoders, estimators, configuration -------------------------------------------------------


def _encoders(folder: Path) -> None:
    from mmaq.config.learning import Encoders as Sizes
    from mmaq.config.learning import Pretrain
    from mmaq.learn.models.encoders import Encoders

    _made_country(folder)
    inputs = load_inputs(open_store(folder / "patches"), read_sites(folder / "sites.parquet"))
    config = Pretrain(projection=16, encoders=Sizes(s2_input=16))
    torch.manual_seed(3)
    encoders = Encoders(config.encoders, ("s5p", "table")).eval()  # small ones
    statistics = compute_statistics(inputs)
    save_encoders(folder / "mmaq.safetensors", encoders, statistics, config, ["a", "b"])
    about, tensors = read_tensors(folder / "mmaq.safetensors")
    state = {PREFIX + name: value for name, value in tensors.items()}
    held = {"state_dict": state, KEY: json.dumps(about), "run": "r", "global_step": 3, "epoch": 1}
    torch.save(held, folder / "mmaq_last.ckpt")


def _loaded(file: str) -> Callable[[Path], Figures]:
    def read(folder: Path) -> Figures:
        encoders, statistics = load_encoders(folder / file)
        tensors = [value.double().ravel().numpy() for value in encoders.state_dict().values()]
        flat = [np.ravel(np.array(held, float)) for held in statistics.to_dict().values()]
        return {"weight": np.concatenate([*tensors, *flat])}

    return read


def _resumed(folder: Path) -> Figures:
    return {"any": np.array([resumable(Names(folder, "mmaq"), "r") is not None])}


def _estimator(folder: Path) -> None:
    from mmaq.config.evaluation import Evaluate, Predict
    from mmaq.config.learning import Encoders
    from mmaq.predict.stage import fit

    _made_country(folder)
    fit(sites=folder / "sites.parquet", store=folder / "patches", checkpoint=None,
        encoders=Encoders(), evaluate=Evaluate(seeds=[0], folds=2),
        config=Predict(method="ridge", split="random"), chosen=None,
        out=folder / "ridge.safetensors")  # fmt: skip


def _predicted(folder: Path) -> Figures:
    out = folder / "out" / "predictions.csv"
    predict(sites=folder / "sites.parquet", store=folder / "patches",
            estimator=folder / "ridge.safetensors", chosen=None, threads=1, out=out)  # fmt: skip
    return {"concentration": pd.read_csv(out)["no2"].to_numpy(float)}


def _yaml(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).parents[2]
    shutil.copy(root / "tests" / "orchestration" / "smallest.yaml", folder / "mine.yaml")


def _whole_yaml(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).parents[2] / "config" / "config.yaml", folder / "mine.yaml")


def _configured(folder: Path) -> Figures:
    config = load_config(folder / "mine.yaml")
    west, south, east, north = config.grid.bbox
    return {"lon": np.array([west, east]), "lat": np.array([south, north]),
            "share": np.array([config.grid.qa, config.patches.min_clear])}  # fmt: skip


YAML = (mutate.retype_yaml, mutate.reshape_yaml, mutate.recode)
OF_TENSORS = {
    "safetensors": (mutate.safetensors_change(mutate.retype_array, mutate.retype_tree),
                    mutate.safetensors_change(mutate.reshape_array, mutate.reshape_tree)),
    "checkpoint": (mutate.checkpoint_change(mutate.retype_array, mutate.retype_tree),
                   mutate.checkpoint_change(mutate.reshape_array, mutate.reshape_tree)),
}  # fmt: skip
LEARNED: list[Target] = [
    Target("encoders", "safetensors", "mmaq.safetensors", _encoders, _loaded("mmaq.safetensors"),
           *OF_TENSORS["safetensors"]),
    Target("estimator", "safetensors", "ridge.safetensors", _estimator, _predicted,
           *OF_TENSORS["safetensors"]),
    Target("encoders in a checkpoint", "checkpoint", "mmaq_last.ckpt", _encoders,
           _loaded("mmaq_last.ckpt"), *OF_TENSORS["checkpoint"]),
    Target("checkpoint to go on from", "checkpoint", "mmaq_last.ckpt", _encoders, _resumed,
           *OF_TENSORS["checkpoint"]),
    Target("small configuration", "YAML", "mine.yaml", _yaml, _configured, *YAML),
    Target("whole configuration", "YAML", "mine.yaml", _whole_yaml, _configured, *YAML),
]  # fmt: skip


def of_harp() -> Target:
    """A granule in HARP's classic NetCDF."""
    from tests.sentinel5p.test_reader import HARP_SLANT

    return Target("HARP file, mmaq grid FILE", "NetCDF", "mine/harp.nc", _harp,
                  _gridded(HARP_SLANT), *NETCDF, named=NO_PIXEL)  # fmt: skip


TARGETS: list[Target] = [*COUNTRY, *SCENES, *GRANULES, of_harp(), *STORES, *LEARNED]
FORMATS = tuple(dict.fromkeys(target.format for target in TARGETS))
