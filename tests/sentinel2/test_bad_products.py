from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import rasterio

from mmaq.base.errors import ProductError
from mmaq.contracts.archive import Asset
from mmaq.sentinel2.cut import cut_windows
from tests.sentinel2.products import sites_at, write_raster

SITES = sites_at((1200, 1200), (900, 900), (2200, 2200))


def cut(country, workers=1):
    return cut_windows(country.write(), SITES, 32, 0.5, workers)


def change(country, **assets):
    """Replace, or with ``None`` remove, assets of the only product."""
    (product,) = country.products
    kept = {**product.assets, **assets}
    kept = {name: asset for name, asset in kept.items() if asset is not None}
    country.products[0] = replace(product, assets=kept)


@pytest.mark.parametrize("workers", [1, 2])
def test_missing_bands_are_named(country, workers):
    country.add("P", single=True)
    country.add("Q", day=2)
    product = country.products[0]
    assets = {name: a for name, a in product.assets.items() if name not in ("B05", "B11")}
    country.products[0] = replace(product, assets=assets)
    message = r"^P: the product lacks B05, B11 of the 12 Level-2A bands\. Fetch the product again"
    with pytest.raises(ProductError, match=message):
        cut(country, workers)


def test_an_error_survives_the_way_back_from_a_worker():
    error = ProductError("file.tif", "damaged", "Fetch it again")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.remedy) == (ProductError, str(error), error.remedy)


def test_a_file_with_fewer_bands_than_the_catalogue_says(country):
    country.add("P")
    path = country.products[0].assets["R60m"].path
    write_raster(path, np.full((1, 40, 40), 3000), 60)
    with pytest.raises(
        ProductError, match=r"R60m\.tif: 1 bands where the catalogue names 2 \(B01, B09\)"
    ):
        cut(country)


def test_a_product_without_any_cloud_information(country):
    country.add("P")
    change(country, SCL=None)
    with pytest.raises(ProductError, match="neither a scene classification"):
        cut(country)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
@pytest.mark.parametrize("name", ["R10m", "SCL"])
def test_a_truncated_file(country, name, share):
    noise = np.random.default_rng(1)
    country.add("P", dn=lambda band, x, y: noise.integers(1, 9000, x.shape),
                scl=lambda x, y: noise.integers(4, 6, x.shape))  # fmt: skip
    archive = country.write()
    path = country.products[0].assets[name].path
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(
        ProductError, match=rf"{name}\.tif: (damaged|not a readable raster) \(.+\)\. Fetch"
    ):
        cut_windows(archive, SITES, 32, 0.5, 1)


def test_a_file_that_went_away_after_it_was_catalogued(country):
    country.add("P")
    archive = country.write()
    country.products[0].assets["R20m"].path.unlink()
    with pytest.raises(ProductError, match=r"R20m\.tif: the file does not exist"):
        cut_windows(archive, SITES, 32, 0.5, 1)


def test_a_raster_without_coordinates(country):
    country.add("P")
    path = country.products[0].assets["SCL"].path
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=120, width=120, dtype="uint8"
    ) as data:
        data.write(np.full((1, 120, 120), 4, np.uint8))
    with pytest.raises(ProductError, match=r"SCL\.tif: not on a north-up grid"):
        cut(country)


def test_a_mask_in_another_coordinate_system(country):
    country.add("P")
    path = country.products[0].assets["SCL"].path
    with rasterio.open(path, "r+") as data:
        data.crs = 32633
    with pytest.raises(ProductError, match=r"SCL\.tif: its coordinate system differs"):
        cut(country)


def test_reflectance_is_not_digital_numbers(country, tmp_path):
    country.add("P", single=True)
    path = write_raster(tmp_path / "B02.tif", np.full((1, 240, 240), 0.1), 10, "float32")
    change(country, B02=Asset(path))
    with pytest.raises(ProductError, match=r"B02\.tif: float32 where digital numbers"):
        cut(country)


@pytest.mark.parametrize("offset", [None, "minus a thousand", -1000.5, True, 10**30])
def test_an_offset_that_is_not_known_is_never_guessed(country, offset):
    country.add("P", offset=offset)
    with pytest.raises(ProductError, match=r"^P: .*boa_offset"):
        cut(country)


def test_products_of_different_pixel_size_are_not_mixed(country):
    country.add("fine")
    country.add("coarse", day=2, scale=10)
    with pytest.raises(ProductError, match="coarse: pixels of 100 m where fine has 10 m"):
        cut(country)


def test_a_band_at_two_resolutions_is_read_from_the_finer(country, tmp_path):
    country.add("P")
    path = write_raster(tmp_path / "coarse.tif", np.full((1, 40, 40), 9000), 60)
    change(country, B02=Asset(path))
    assert cut(country).values[:, 1].max() < 9000 - 1000
