import numpy as np
import pytest

from mmaq.contracts.patches import open_store
from mmaq.estimators.pixels import (
    INDICES,
    RINGS,
    band_features,
    band_rings,
    column_features,
    column_scales,
    pixel_features,
)
from mmaq.vocabulary import BANDS

WIDTH = 2 * (len(BANDS) + len(INDICES))


def test_column_statistics_leave_masked_cells_out():
    rng = np.random.default_rng(0)
    values = rng.normal(5e-5, 1e-5, (3, 5, 5)).astype(np.float32)
    mask = (rng.random((3, 5, 5)) > 0.3).astype(np.uint8)
    mask[:, 2, 2] = 1
    values[mask == 0] = 9.0
    for row, window, valid in zip(column_features(values, mask), values, mask, strict=True):
        kept = window[valid > 0].astype(float)
        near = window[1:4, 1:4][valid[1:4, 1:4] > 0].astype(float)
        np.testing.assert_allclose(row, [window[2, 2], near.mean(), kept.mean(), kept.std()])


def test_the_centre_of_an_even_window_is_its_four_middle_cells():
    values = np.arange(16.0).reshape(1, 4, 4)
    centre, around, mean, _ = column_features(values, np.ones((1, 4, 4)))[0]
    assert centre == pytest.approx(values[0, 1:3, 1:3].mean())
    assert around == mean == pytest.approx(7.5)


def test_band_statistics_are_of_reflectance_over_clear_pixels():
    rng = np.random.default_rng(1)
    values = rng.integers(100, 5000, (2, len(BANDS), 6, 6)).astype(np.uint16)
    mask = (rng.random((2, 6, 6)) > 0.4).astype(np.uint8)
    values[:, :, 0, 0] = 65535
    mask[:, 0, 0] = 0
    features = band_features(values, mask)
    assert features.shape == (2, WIDTH)
    for row, patch, valid in zip(features, values / 1e4, mask > 0, strict=True):
        red, near = patch[BANDS.index("B04")][valid], patch[BANDS.index("B08")][valid]
        vegetation = (near - red) / (near + red)
        number = BANDS.index("B04")
        np.testing.assert_allclose(row[2 * number : 2 * number + 2], [red.mean(), red.std()])
        np.testing.assert_allclose(row[24:26], [vegetation.mean(), vegetation.std()])


def test_the_statistics_do_not_see_how_a_patch_is_turned():
    rng = np.random.default_rng(2)
    values, mask = rng.integers(1, 9000, (1, 12, 6, 6)), rng.integers(0, 2, (1, 6, 6))
    turned = band_features(np.rot90(values, axes=(2, 3)), np.rot90(mask, axes=(1, 2)))
    np.testing.assert_allclose(turned, band_features(values, mask))


def test_a_patch_without_a_valid_pixel_is_missing_and_black_pixels_are_not():
    values = np.zeros((2, 12, 4, 4), dtype=np.uint16)
    mask = np.stack([np.zeros((4, 4)), np.ones((4, 4))])
    features = band_features(values, mask)
    assert np.isnan(features[0]).all()
    assert (features[1] == 0).all()
    assert np.isnan(column_features(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)))).all()


def test_a_site_without_a_patch_has_no_statistics_of_it_and_changes_no_others(data):
    store = open_store(data[1])
    rows = np.array([3, -1, 7, 0])
    found = pixel_features(store, rows, rows[::-1].copy())
    assert found.shape == (4, 4 + WIDTH)
    assert np.isnan(found[1, 4:]).all()
    assert np.isnan(found[2, :4]).all()
    alone = pixel_features(store, rows[[0]], rows[[3]])[0]
    np.testing.assert_array_equal(found[0], alone)
    assert np.isfinite(alone).all()


def test_rings_are_the_means_of_their_clear_pixels():
    rng = np.random.default_rng(3)
    values = rng.integers(1, 5000, (2, len(BANDS), 32, 32)).astype(np.uint16)
    mask = (rng.random((2, 32, 32)) > 0.4).astype(np.uint8)
    found = band_rings(values, mask).reshape(2, len(BANDS) + len(INDICES), len(RINGS))
    y, x = np.mgrid[:32, :32] - 15.5
    ring = (np.hypot(x, y) >= RINGS[0]) & (np.hypot(x, y) < RINGS[1])
    for row, patch, valid in zip(found, values / 1e4, mask > 0, strict=True):
        kept = patch[:, ring & valid]
        np.testing.assert_allclose(row[: len(BANDS), 1], kept.mean(axis=1))
        green, near = kept[BANDS.index("B03")], kept[BANDS.index("B08")]
        np.testing.assert_allclose(row[len(BANDS) + 1, 1], ((green - near) / (green + near)).mean())
    turned = band_rings(np.rot90(values, axes=(2, 3)), np.rot90(mask, axes=(1, 2)))
    np.testing.assert_allclose(turned.reshape(found.shape), found)
    assert np.isnan(band_rings(values, 0 * mask)).all()


def test_the_column_at_scales_and_its_slope():
    """Of a plane every centred mean is its middle, and the slope is the plane's."""
    south, east = np.mgrid[:16, :16] - 7.5
    plane = (6e-5 + 2e-6 * east - 3e-6 * south)[None]
    found = column_scales(plane, np.ones((1, 16, 16)))[0]
    np.testing.assert_allclose(found, [*[6e-5] * 4, 2e-6, 3e-6], rtol=1e-9)
    holes = np.random.default_rng(4).random((1, 16, 16)) > 0.3
    np.testing.assert_allclose(column_scales(plane, holes)[0, 4:], [2e-6, 3e-6], rtol=1e-9)
    assert np.isnan(column_scales(plane, np.zeros((1, 16, 16)))).all()
