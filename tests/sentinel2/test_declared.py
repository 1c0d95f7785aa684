"""What files say of themselves: where they end, what is no data, what a number means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

from mmaq.base.errors import ProductError
from mmaq.sentinel2.cut import cut_windows
from mmaq.vocabulary import BANDS
from tests.sentinel2.products import EPSG, NORTH, WEST, sites_at

CENTRE = sites_at((1200, 1200))


def constant(value):
    return lambda band, x, y: np.full(x.shape, float(value))


def rewrite(
    product, name, values, pixel, dtype="uint16", west=WEST, north=NORTH, scale=None, **tags
):
    """Write another file in the place of an asset's."""
    values = np.asarray(values, dtype)
    profile = {"driver": "GTiff", "count": 1, "height": values.shape[0], "width": values.shape[1],
               "dtype": dtype, "crs": EPSG, "transform": from_origin(west, north, pixel, pixel),
               **tags}  # fmt: skip
    with rasterio.open(product.assets[name].path, "w", **profile) as data:
        data.write(values, 1)
        if scale is not None:
            data.scales, data.offsets = (scale[0],), (scale[1],)


def cut(country, sites=CENTRE, size=32, min_clear=0.1):
    return cut_windows(country.write(), sites, size, min_clear, 1)


def columns(share):
    return np.broadcast_to(np.arange(32) < 32 * share, (32, 32))


@pytest.mark.parametrize(("band", "pixel"), [("B02", 10), ("B12", 20), ("B09", 60)])
def test_a_band_that_ends_early_is_masked_beyond_its_end(country, band, pixel):
    product = country.add("P", single=True, dn=constant(3000))
    rewrite(product, band, np.full((2400 // pixel, 1200 // pixel), 3000), pixel)
    sites = sites_at((1200, 1200)) if band != "B02" else sites_at((1040, 1200))
    windows = cut(country, sites)
    expected = columns(0.5) if band != "B02" else columns(1.0)
    np.testing.assert_array_equal(windows.mask[0], expected)
    np.testing.assert_array_equal(windows.values[0, BANDS.index(band)], 2000 * expected)
    assert (windows.values[0, BANDS.index("B05")] == 2000).all()


@pytest.mark.parametrize("side", ["west", "north"])
def test_a_band_that_begins_late_is_masked_before_it(country, side):
    product = country.add("P", single=True, dn=constant(3000))
    values = np.full((60, 120) if side == "north" else (120, 60), 3000)
    place = {"north": NORTH - 1200} if side == "north" else {"west": WEST + 1200}
    rewrite(product, "B11", values, 20, **place)
    mask = cut(country).mask[0]
    np.testing.assert_array_equal(mask.T if side == "north" else mask, ~columns(0.5))


@pytest.mark.parametrize("name", ["SCL", "cloud_mask"])
def test_what_the_classification_does_not_cover_is_not_clear(country, name):
    product = country.add("P", single=True, dn=constant(3000))
    rewrite(product, "SCL", np.full((120, 60), 4 if name == "SCL" else 0), 20, "uint8")
    assets = {band: asset for band, asset in product.assets.items() if band != "SCL"}
    country.products[0] = replace(product, assets=assets | {name: product.assets["SCL"]})
    windows = cut(country)
    np.testing.assert_array_equal(windows.mask[0], columns(0.5))
    assert windows.table["clear"][0] == 0.5


def test_a_classification_s_own_nodata_is_not_clear(country):
    product = country.add("P", single=True, dn=constant(3000))
    classes = np.where(np.arange(120) < 60, 4, 5) * np.ones((120, 1))
    rewrite(product, "SCL", classes, 20, "uint8", nodata=5)
    np.testing.assert_array_equal(cut(country).mask[0], columns(0.5))


@pytest.mark.parametrize(("dtype", "nodata"), [("uint16", 65535), ("int16", -9999), ("int32", -1)])
def test_declared_nodata_is_no_data(country, dtype, nodata):
    product = country.add("P", single=True, dn=constant(3000))
    values = np.where(np.arange(240) < 120, 3000, nodata) * np.ones((240, 1))
    rewrite(product, "B02", values, 10, dtype, nodata=nodata)
    windows = cut(country)
    np.testing.assert_array_equal(windows.mask[0], columns(0.5))
    np.testing.assert_array_equal(windows.values[0, 1], 2000 * columns(0.5))


@pytest.mark.parametrize(
    ("dtype", "number"),
    [("uint16", 65535), ("int32", 65535), ("int16", -9999), ("int16", -32768), ("int32", -9999)],
)
@pytest.mark.parametrize("scale", [None, (0.0001, -0.1), (1.0, -1000.0)])
def test_what_can_be_no_dn_is_no_data_though_nothing_declares_it(country, dtype, number, scale):
    product = country.add("P", single=True, dn=constant(3000))
    values = np.where(np.arange(240) < 120, 3000, number) * np.ones((240, 1))
    rewrite(product, "B02", values, 10, dtype, scale=scale)
    windows = cut(country)
    np.testing.assert_array_equal(windows.mask[0], columns(0.5))
    np.testing.assert_array_equal(windows.values[0, 1], 2000 * columns(0.5))


def test_the_brightest_dn_are_data(country):
    country.add("P", single=True, dn=constant(65534), offset=0)
    windows = cut(country)
    assert windows.mask.all()
    assert (windows.values == 65534).all()


@pytest.mark.parametrize("single", [True, False])
def test_an_alpha_band_is_none_of_the_bands_and_is_obeyed(country, single):
    product = country.add("P", single=single, dn=constant(3000))
    path = product.assets["B12" if single else "R20m"].path
    with rasterio.open(path) as data:
        profile, bands = data.profile, data.read()
    alpha = np.where(np.arange(120) < 60, 65535, 0) * np.ones((1, 120, 1), int)
    with rasterio.open(path, "w", **profile | {"count": len(bands) + 1}) as data:
        data.colorinterp = [*data.colorinterp[:-1], ColorInterp.alpha]
        data.write(np.concatenate([bands, alpha]).astype("uint16"))
    windows = cut(country)
    np.testing.assert_array_equal(windows.mask[0], columns(0.5))
    assert (windows.values[0, BANDS.index("B02")] == 2000).all()


def test_zero_is_no_data_but_for_signed_numbers_with_a_nodata_of_their_own(country):
    product = country.add("P", single=True, dn=constant(3000), offset=0)
    values = np.where(np.arange(240) < 120, 3000, 0) * np.ones((240, 1))
    rewrite(product, "B02", values, 10, nodata=65535)
    np.testing.assert_array_equal(cut(country).mask[0], columns(0.5))
    rewrite(product, "B02", values, 10, "int16", nodata=-9999)
    assert cut(country).mask.all()


def test_negative_reflectance_is_valid_and_zero(country):
    product = country.add("P", single=True, dn=constant(3000), offset=0)
    rewrite(product, "B02", np.full((240, 240), -120), 10, "int16", nodata=-9999)
    windows = cut(country)
    assert windows.mask.all()
    assert (windows.values[0, 1] == 0).all()


@pytest.mark.parametrize(
    ("scale", "offset", "expected"),
    [
        ((0.0001, -0.1), -1000, 2000),  # the file and the catalogue agree
        ((0.0001, -0.1), 0, 2000),  # the file's own tag goes before
        ((0.0001, 0.0), -1000, 2000),  # the file tells the scale alone
        ((0.0001, 0.0), 0, 3000),
        ((0.0002, 0.0), -1000, 4000),
        ((1.0, -1000.0), -1000, 2000),
        ((1.0, -1000.0), 0, 2000),
    ],
)
def test_declared_scale_and_offset_are_obeyed_once(country, scale, offset, expected):
    product = country.add("P", single=True, dn=constant(3000), offset=offset)
    rewrite(product, "B02", np.full((240, 240), 3000), 10, scale=scale)
    rewrite(product, "B12", np.full((120, 120), 3000), 20, scale=scale)
    windows = cut(country)
    for band in ("B02", "B12"):
        assert np.unique(windows.values[0, BANDS.index(band)]).tolist() == [expected]
    assert windows.mask.all()


def test_a_scale_that_gives_no_reflectance_is_refused(country):
    product = country.add("P", single=True)
    rewrite(product, "B02", np.full((240, 240), 3000), 10, scale=(0.1, 0.0))
    with pytest.raises(ProductError, match=r"B02\.tif: its scale of 0\.1 gives no reflectance\. "):
        cut(country)


@pytest.mark.parametrize("pixel", [10.00000000001, 9.9999999])
def test_pixels_that_rounding_has_made_uneven_are_read(country, pixel):
    product = country.add("P", single=True, dn=constant(3000))
    path = product.assets["B02"].path
    with rasterio.open(path, "r+") as data:
        data.transform = rasterio.Affine(pixel, 1e-13, WEST + 1e-9, 0, -10, NORTH)
    country.add("Q", day=2, dn=constant(3000))
    windows = cut(country)
    assert windows.pixel == 10
    assert (windows.values == 2000).all()


def test_other_pixels_are_still_refused(country):
    product = country.add("P", single=True)
    with rasterio.open(product.assets["B02"].path, "r+") as data:
        data.transform = rasterio.Affine(10, 0, WEST, 0, -10.01, NORTH)
    with pytest.raises(ProductError, match=r"B02\.tif: not on a north-up grid of square pixels"):
        cut(country)


def lacking(share, missing=0):
    """DN of a product whose B12 lacks the western ``share`` of the window in the middle."""
    edge = WEST + 1200 - 160 + 320 * share
    return lambda band, x, y: np.where((band == "B12") & (x < edge), missing, 3000.0)


def test_where_bands_of_the_clearest_product_are_missing_the_next_is_taken(country):
    cloud = lambda share: lambda x, y: np.where(x < WEST + 1040 + 320 * share, 9, 4)  # noqa: E731
    country.add("empty", day=1, dn=lacking(1.0))
    country.add("half", day=2, dn=lacking(0.5))
    country.add("cloudy", day=3, scl=cloud(0.25), dn=constant(3000))
    country.add("cloudier", day=4, scl=cloud(0.375), dn=constant(3000))
    table = cut(country, min_clear=0.3).table
    assert (table["product"][0], table["clear"][0]) == ("cloudy", 0.75)
    country.products.pop(2)
    country.products.pop(2)
    table = cut(country, min_clear=0.3).table
    assert (table["product"][0], table["clear"][0]) == ("half", 0.5)
    table = cut(country, min_clear=0.6).table
    assert (table["row"][0], table["product"][0], table["clear"][0]) == (-1, None, 0.5)


def test_windows_on_both_sides_of_the_antimeridian(country):
    """Tile 01KAB: zone 1 begins at 180 degrees west, and the tile goes beyond."""
    project = Transformer.from_crs(4326, 32701, always_xy=True)
    x, y = project.transform(-179.995, -16.8)
    west, north = round((x - 1200) / 60) * 60, round((y + 1200) / 60) * 60
    product = country.add("P", single=True, dn=lambda band, east, south: 3000 + (east - WEST) / 10)
    for asset in product.assets.values():
        with rasterio.open(asset.path, "r+") as data:
            pixel = data.transform.a
            data.crs, data.transform = "EPSG:32701", from_origin(west, north, pixel, pixel)
    corners = transform_bounds(32701, 4326, west, north - 2400, west + 2400, north)
    assert corners[0] > corners[2]
    country.products[0] = replace(product, bbox=corners)
    lon, lat = np.array([179.9999, -179.9999, -179.995, 180.0, 179.5]), np.full(5, -16.8)
    sites = pd.DataFrame({"site_id": list("abcde"), "lon": lon, "lat": lat})
    windows = cut(country, sites)
    assert windows.table["row"].tolist() == [0, 1, 2, 3, -1]
    for row in range(4):
        east = project.transform(lon[row], lat[row])[0] - west
        middle = windows.values[row, 1, :, 15:17].mean()
        assert abs(middle - (2000 + east / 10)) < 1
