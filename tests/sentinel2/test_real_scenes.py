"""Real Level-2A pixels: Major TOM (full resolution, cloud mask) and a ten-fold decimated COG."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from mmaq.acquire.stage import acquire as catalogue
from mmaq.config.data import Files
from mmaq.sentinel2.cut import cut_windows
from mmaq.vocabulary import BANDS


def places(path, *pixels):
    """Sites at the centres of pixels (row, column) of a raster."""
    with rasterio.open(path) as raster:
        back = Transformer.from_crs(raster.crs, 4326, always_xy=True)
        found = [back.transform(*raster.xy(row, column)) for row, column in pixels]
    lon, lat = zip(*found, strict=True)
    return pd.DataFrame({"site_id": [f"s{i}" for i in range(len(lon))], "lon": lon, "lat": lat})


def on_grid_of(path, grid):
    """GDAL's own bilinear interpolation of a band onto the grid of another file."""
    with rasterio.open(path) as source, rasterio.open(grid) as fine:
        out = np.zeros(fine.shape, np.float64)
        reproject(
            source.read(1).astype(float), out, src_transform=source.transform, src_crs=source.crs,
            dst_transform=fine.transform, dst_crs=fine.crs, resampling=Resampling.bilinear,
        )  # fmt: skip
    return out


@pytest.fixture
def scene(real_data, tmp_path):
    """Catalogue a folder of real scenes: archive root and the folder of band files."""

    def make(folder, bands):
        files = Files(sentinel2=str(real_data / "s2" / folder))
        catalogue(config=files, archive=tmp_path / "archive")
        return tmp_path / "archive", next((real_data / "s2" / folder).glob(bands)).parent

    return make


@pytest.mark.parametrize(
    ("folder", "offset", "pixel"), [("major_tom", -1000, 10.0), ("cog_29RKH", 0, 100.0)]
)
def test_every_band_matches_gdal_at_its_place(scene, folder, offset, pixel):
    archive, files = scene(folder, "**/B02.tif")
    pixels = [(500, 500), (40, 990), (801, 333)]
    windows = cut_windows(archive, places(files / "B02.tif", *pixels), 33, 0.0, 1)
    assert list(windows.table["row"]) == [0, 1, 2]
    assert windows.pixel == pixel
    for position, band in enumerate(BANDS):
        whole = on_grid_of(files / f"{band}.tif", files / "B02.tif") + offset
        for row, (y, x) in enumerate(pixels):
            expected = whole[y - 16 : y + 17, x - 16 : x + 17]
            # Rounding alone; another band, another place or a forgotten offset is far off.
            assert np.abs(windows.values[row, position] - expected).max() <= 0.51, band


def test_ten_metre_bands_are_the_files_own_pixels(scene):
    archive, files = scene("major_tom", "**/B02.tif")
    windows = cut_windows(archive, places(files / "B02.tif", (600, 400)), 120, 0.5, 1)
    for band in ("B02", "B03", "B04", "B08"):
        with rasterio.open(files / f"{band}.tif") as raster:
            dn = raster.read(1)[540:660, 340:460].astype(int)
        # An even window: the site's pixel is the first of the two central ones or the second.
        cut = windows.values[0, BANDS.index(band)].astype(int)
        shifts = [
            np.array_equal(cut, _window(files, band, dy, dx)) for dy in (0, 1) for dx in (0, 1)
        ]
        assert sum(shifts) == 1, band
        assert dn.shape == cut.shape
    assert windows.table["clear"][0] == 1.0
    assert windows.table["product"][0].startswith("S2A_MSIL2A_20220706T085611_N0400")


def _window(files, band, dy, dx):
    with rasterio.open(files / f"{band}.tif") as raster:
        dn = raster.read(1).astype(int) - 1000
    return dn[540 + dy : 660 + dy, 340 + dx : 460 + dx]


def test_clear_share_is_that_of_the_scene_classification(scene):
    archive, files = scene("cog_29RKH", "B02.tif")
    with rasterio.open(files / "SCL.tif") as raster:
        clear = np.isin(raster.read(1), (2, 4, 5, 6, 7)).repeat(2, 0).repeat(2, 1)
    pixels = [(row, column) for row in range(60, 1050, 110) for column in range(60, 1050, 110)]
    windows = cut_windows(archive, places(files / "B02.tif", *pixels), 33, 0.0, 1)
    expected = [clear[y - 16 : y + 17, x - 16 : x + 17].mean() for y, x in pixels]
    np.testing.assert_allclose(windows.table["clear"], expected)
    assert len(set(expected)) > 5
