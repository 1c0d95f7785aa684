"""Products as files, and what a window shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from mmaq.base.sparse import Frame, SparseRaster
from mmaq.config.data import Period
from mmaq.contracts.archive import SENTINEL2, read_collection
from mmaq.simulate.sensors.scenery import assign_tiles, gaussian_field, ground_noise, tile_of
from mmaq.simulate.sensors.scenes import scenes_of
from mmaq.simulate.sensors.sky import make_sky
from mmaq.simulate.sensors.spectra import BANDS
from mmaq.simulate.sensors.windows import FILES, OFFSET, block_mean, observe, render, see_ground

YEAR = Period()


@pytest.fixture(scope="module")
def tile():
    return tile_of(4, 58)


@pytest.fixture
def ground(world, tile):
    return see_ground(world, tile, 480_123.0, 5_880_456.0, seed=3)


@pytest.fixture(scope="module")
def scenes(tile):
    return scenes_of(tile, 1, YEAR, 3)


def clear_sky(scene):
    sky = make_sky(scene)
    nothing = np.zeros_like(sky.cloud)
    return replace(sky, cloud=nothing, cirrus=nothing, haze=nothing)


def test_files_are_full_tiles_with_windows_only_at_the_sites(archives, world):
    members = assign_tiles(world.sites["x"].to_numpy(), world.sites["y"].to_numpy())
    by_name = {tile.name: (tile, found) for tile, found in members.items()}
    for product in read_collection(archives[0], SENTINEL2):
        tile, found = by_name[product.properties["s2:mgrs_tile"]]
        for name, (pixel, bands, _) in FILES.items():
            asset = product.asset(name)
            assert asset.bands == bands
            assert asset.path.stat().st_size < 2e6
            with rasterio.open(asset.path) as file:
                assert file.shape == (109_800 // pixel,) * 2
                assert file.descriptions == bands
                assert (file.crs.to_epsg(), file.nodata) == (32632, 0)
                assert (file.transform.c, file.transform.f) == (tile.west, tile.north)
                assert file.dtypes == ("uint16",) * len(bands)
                reach = 200 // pixel
                for x, y in world.sites.loc[found, ["x", "y"]].to_numpy():
                    row, column = int((tile.north - y) // pixel), int((x - tile.west) // pixel)
                    around = Window(column - reach, row - reach, 2 * reach + 1, 2 * reach + 1)
                    assert (file.read(window=around) > 0).all()
                if pixel == 60:
                    filled = (file.read() > 0).all(axis=0)
                    assert 0 < filled.sum() <= len(found) * (480 // pixel) ** 2
        with rasterio.open(product.asset("SCL").path) as file:
            assert file.shape == (5490, 5490)
            classes = file.read()
            assert set(np.unique(classes[classes != 0])) <= {3, 4, 5, 6, 7, 8, 9, 10}


def test_coarse_bands_are_block_means_of_the_10_m_truth(ground, scenes):
    sky = make_sky(scenes[0])
    truth, _ = render(ground, scenes[0], sky)
    seen = observe(ground, scenes[0], sky)
    for name, (pixel, bands, _) in FILES.items():
        size = pixel // 10
        for band, values in zip(bands, seen[name].astype(float), strict=True):
            fine = truth[BANDS.index(band)].astype(float)
            n = 48 // size
            mean = np.array(
                [[fine[i * size : (i + 1) * size, j * size : (j + 1) * size].mean()
                  for j in range(n)] for i in range(n)]
            )  # fmt: skip
            sigma = 18 + 0.008 * mean
            assert np.abs(values - OFFSET - mean).max() < (6 * sigma).max()
            assert (values - OFFSET - mean).mean() == pytest.approx(0, abs=6 * sigma.mean() / n)


def test_dn_carry_the_offset_and_never_the_no_data_value(ground, scenes):
    seen = observe(ground, scenes[0], clear_sky(scenes[0]))
    for name in FILES:
        assert seen[name].dtype == np.uint16
        assert seen[name].min() >= 1
    water = ground.cover[:, 0].reshape(48, 48) > 0.99
    infrared = seen["R10m"][3][water]
    assert infrared.mean() == pytest.approx(OFFSET + 100, abs=60)


def test_overlapping_windows_show_the_same_ground(world, tile, scenes):
    sky = clear_sky(scenes[1])
    one = see_ground(world, tile, 480_123.0, 5_880_456.0, seed=3)
    two = see_ground(world, tile, 480_243.0, 5_880_456.0, seed=3)
    assert (two.west - one.west, two.north) == (120.0, one.north)
    first, _ = render(one, scenes[1], sky)
    second, _ = render(two, scenes[1], sky)
    np.testing.assert_allclose(first[:, :, 12:], second[:, :, :36], rtol=1e-6)


def test_seasons_change_fields_and_not_roofs(ground, scenes):
    views = {}
    for scene in (replace(scenes[0], time=scenes[0].time.replace(month=m)) for m in (1, 6)):
        truth, _ = render(
            replace(ground, slopes=(0 * ground.x, 0 * ground.x)), scene, clear_sky(scene)
        )
        views[scene.time.month] = truth[BANDS.index("B08")].ravel()
    forest, industry = ground.cover[:, 1] > 0.99, ground.cover[:, 5] > 0.99
    assert (views[6][forest] > 1.2 * views[1][forest]).all()
    np.testing.assert_allclose(views[6][industry], views[1][industry], rtol=1e-5)


def test_slopes_that_face_the_sun_are_brighter(ground, scenes):
    scene = scenes[0]
    azimuth = np.deg2rad(scene.sun[1])
    flat = 0 * ground.x
    level = render(replace(ground, slopes=(flat, flat)), scene, clear_sky(scene))[0]
    # A slope that falls towards the sun faces it.
    facing = (flat - 0.1 * np.sin(azimuth), flat - 0.1 * np.cos(azimuth))
    lit = render(replace(ground, slopes=facing), scene, clear_sky(scene))[0]
    assert (lit > level).all()


def test_clear_classes_follow_the_cover(ground, scenes):
    scene = replace(scenes[0], time=scenes[0].time.replace(month=6))
    _, classes = render(ground, scene, clear_sky(scene))
    cover = block_mean(ground.cover.T.reshape(-1, 48, 48), 2)
    assert (classes[0][cover[0] > 0.6] == 6).all()
    assert (classes[0][cover[1] > 0.9] == 4).all()
    assert (classes[0][cover[[5, 6, 7]].sum(axis=0) > 0.9] == 5).all()


@pytest.mark.parametrize("share", [0.05, 0.4, 0.9])
def test_the_sky_has_the_scenes_cloud(scenes, share):
    sky = make_sky(replace(scenes[0], cloud=share))
    assert (sky.cloud >= 0.15).mean() == pytest.approx(share, abs=0.01)
    assert share - 0.06 < sky.cloud_cover < share + 0.2


def test_cloud_is_bright_classified_and_casts_a_shadow(ground, scenes):
    scene = scenes[0]
    sky = clear_sky(scene)
    clear, _ = render(ground, scene, sky)
    overcast = replace(sky, cloud=np.ones_like(sky.cloud))
    cloudy, classes = render(ground, scene, overcast)
    assert (classes == 9).all()
    assert (cloudy[1] > 4000).all()
    # Cloud towards the sun only: the window is clear and in shade.
    east, north = sky.offset
    y, x = np.mgrid[: len(sky.cloud), : len(sky.cloud)] * 200.0 + 100.0
    from_window = np.hypot(sky.tile.west + x - ground.x.mean() - east,
                           sky.tile.north - y - ground.y.mean() - north)  # fmt: skip
    beside = replace(
        sky, offset=(4 * east, 4 * north), cloud=(from_window < 400).astype(np.float32)
    )
    beside = replace(beside, offset=(east, north))
    shaded, classes = render(ground, scene, beside)
    assert (classes == 3).mean() > 0.8
    assert shaded[7].mean() < 0.6 * clear[7].mean()


def test_blocks_are_written_once_and_the_rest_is_absent(tmp_path):
    raster = SparseRaster(
        Frame(32632, 500_000.0, 6e6, (10_980, 10_980), 10.0), ("a", "b"), "uint16", 128
    )
    values = np.arange(2 * 48 * 48, dtype=np.uint16).reshape(2, 48, 48) + 1
    for row, column in ((100, 230), (10_940 - 8, 10_940 - 8), (100, 230)):
        raster.put(row, column, values)
    raster.write(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        np.testing.assert_array_equal(file.read(window=Window(230, 100, 48, 48)), values)
        np.testing.assert_array_equal(file.read(window=Window(10_932, 10_932, 48, 48)), values)
        assert (file.read(1) > 0).sum() == 2 * 48 * 48
    assert (tmp_path / "a.tif").stat().st_size < 150_000


def test_ground_noise_belongs_to_the_place_and_is_standard_normal():
    y, x = np.mgrid[590_000:590_300, 50_000:50_300]
    noise = ground_noise(x, y, 1)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(noise[100:, 50:], ground_noise(x[100:, 50:], y[100:, 50:], 1))
    for other in (ground_noise(x, y, 2), ground_noise(x + 1, y, 1), ground_noise(x, y + 1, 1)):
        assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02


def test_gaussian_field_is_smooth_standardised_and_periodic():
    field = gaussian_field(np.random.default_rng(0), (128, 96), 10.0, 2.0)
    assert (field.mean(), field.std()) == (pytest.approx(0, abs=1e-9), pytest.approx(1))
    inside = np.abs(np.diff(field, axis=0)).mean()
    assert np.abs(field[0] - field[-1]).mean() < 2 * inside < 1
