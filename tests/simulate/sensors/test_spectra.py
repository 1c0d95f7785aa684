"""Spectra of land cover beside real Level-2A patches, and the year's growth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from mmaq.simulate.sensors.spectra import BANDS, CLASSES, growth, surface_reflectance
from mmaq.simulate.world.cover import COVER
from mmaq.vocabulary import BANDS as STORE_BANDS

LABELS = {
    "water": "Sea and ocean",
    "forest": "Coniferous forest|Mixed forest|Transitional woodland/shrub",
    "cropland": "arable land",
}


def test_classes_are_those_of_the_world_and_bands_those_of_the_store():
    assert tuple(COVER) == CLASSES
    assert BANDS == STORE_BANDS


def pure(name, day, vigour=0.8):
    cover = np.zeros((1, len(CLASSES)), np.float32)
    cover[0, CLASSES.index(name)] = 1
    green = growth(day, np.array([vigour], np.float32))
    return surface_reflectance(cover, green, np.zeros(1), np.zeros(1))[0]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_spectra_have_the_level_of_real_patches(real_data):
    """Land bands within a factor 1.7 of the median over real summer patches with that label."""
    folder = real_data / "s2" / "bigearthnet"
    table = pd.read_csv(folder / "patches.csv")
    summer = table["name"].str.contains(r"_20(?:17|18)0[5-8]\d\dT")
    for name, label in LABELS.items():
        chosen = table[summer & table["labels"].str.contains(label, regex=False)]
        means = []
        for row in chosen.itertuples():
            with rasterio.open(next(folder.glob(f"*{row.name}.tif"))) as file:
                means.append(file.read().mean(axis=(1, 2)))
        assert means, name
        real, ours = np.median(means, axis=0), pure(name, 150)
        if name == "water":
            assert np.abs(ours - real).max() < 150
        else:
            assert (ours / real < 1.7).all(), name
            assert (ours / real > 1 / 1.7).all(), name


@given(
    st.lists(st.floats(0, 1), min_size=8, max_size=8).filter(lambda v: sum(v) > 0.1),
    st.integers(1, 366),
    st.floats(0, 1),
)
def test_mixing_is_linear(shares, day, vigour):
    cover = np.array([shares], np.float32) / sum(shares)
    green = growth(day, np.array([vigour], np.float32))
    mixed = surface_reflectance(cover, green, np.zeros(1), np.zeros(1))[0]
    parts = sum(cover[0, i] * pure(name, day, vigour) for i, name in enumerate(CLASSES))
    np.testing.assert_allclose(mixed, parts, rtol=1e-4)


def ndvi(spectrum):
    red, infrared = spectrum[BANDS.index("B04")], spectrum[BANDS.index("B08")]
    return (infrared - red) / (infrared + red)


def test_vegetation_is_green_in_season_and_stone_never():
    for name in ("forest", "grassland"):
        assert ndvi(pure(name, 160)) > ndvi(pure(name, 20)) + 0.1
    assert ndvi(pure("cropland", 130)) > 0.6 > 0.35 > ndvi(pure("cropland", 230))
    assert ndvi(pure("cropland", 210, vigour=0.2)) > 0.5 > ndvi(pure("cropland", 130, vigour=0.2))
    for name in ("asphalt", "industry"):
        assert ndvi(pure(name, 160)) == pytest.approx(ndvi(pure(name, 20)), abs=1e-6)
        assert ndvi(pure(name, 160)) < 0.15
    assert ndvi(pure("water", 160)) < 0
