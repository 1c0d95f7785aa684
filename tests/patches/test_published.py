from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import ConfigError, ProductError, TableError
from mmaq.config.data import Patches
from mmaq.contracts.patches import open_store
from mmaq.patches.published import product_of
from mmaq.patches.stage import patches_published as build_published_patches
from mmaq.vocabulary import BANDS


def picture():
    return np.random.default_rng(3).integers(1, 9000, (120, 120, 12)).astype(np.uint16)


def column():
    return np.random.default_rng(4).uniform(1e-5, 2e-4, (120, 120))


def build(made, patches, out, **changes):
    build_published_patches(
        config=made.config(**changes), patches=patches, sites=made.sites(), out=out
    )
    return open_store(out)


@pytest.mark.parametrize("side", [120, 200])
def test_bands_are_reordered_and_the_centre_is_cut(images, tmp_path, side):
    pixels, field = picture(), column()
    images.add("STA-1", pixels, field, side=side)
    store = build(images, Patches(s2_size=120, s5p_size=120), tmp_path / "whole")
    for position, band in enumerate(BANDS):
        np.testing.assert_array_equal(store.s2[0, position], pixels[:, :, position], err_msg=band)
    np.testing.assert_allclose(store.s5p[0], field, rtol=1e-6)
    assert store.s2_mask.all()
    assert store.s5p_mask.all()
    store = build(images, Patches(s2_size=32, s5p_size=17), tmp_path / "small")
    np.testing.assert_array_equal(store.s2[0, 3], pixels[44:76, 44:76, 3])
    np.testing.assert_allclose(store.s5p[0], field[51:68, 51:68], rtol=1e-6)


def test_the_offset_follows_the_baseline_of_the_product_name(images, small, tmp_path):
    pixels = picture()
    pixels[56, 60] = 0  # no data
    pixels[60, 60] = 400  # below the offset: a negative reflectance
    images.add("old", pixels, baseline="0399")
    images.add("new", pixels, baseline="0400")
    store = build(images, small, tmp_path / "store")
    cut = np.moveaxis(pixels[52:68, 52:68].astype(int), 2, 0)
    np.testing.assert_array_equal(store.s2[0], cut)
    np.testing.assert_array_equal(store.s2[1], np.clip(cut - 1000, 0, None))
    assert store.s2_mask[:, 4, 8].tolist() == [0, 0]
    assert store.s2_mask[1, 8, 8] == 1
    assert store.s2_mask.sum() == 2 * (16 * 16 - 1)
    assert store.index["s2_clear"].tolist() == [255 / 256] * 2
    assert store.index["s2_time"][0] == pd.Timestamp("2020-04-22 09:50:31", tz="UTC")
    assert store.index["s2_product"][1].startswith("S2A_MSIL2A_20200422T095031_N0400")


def test_floating_pixels_that_are_not_finite_are_no_data(images, small, tmp_path):
    pixels = picture().astype(np.float32)
    pixels[60, 61, 5] = np.nan
    images.add("A", pixels)
    store = build(images, small, tmp_path / "store")
    assert store.s2_mask[0, 8, 9] == 0
    assert store.s2[0, 5, 8, 9] == 0
    assert store.s2_mask.sum() == 255


@pytest.mark.parametrize(
    ("kind", "fill"),
    [
        (np.int16, -9999), (np.int16, -32768), (np.int32, -9999), (np.float32, -9999),
        (np.float32, -3.4e38), (np.float64, 9.96921e36), (np.uint16, 65535), (np.int32, 65535),
    ],
)  # fmt: skip
def test_what_can_be_no_dn_is_no_data(images, small, tmp_path, kind, fill):
    pixels = picture().astype(kind)
    pixels[60, 61, 5] = fill
    pixels[62:, :, :] = fill
    images.add("A", pixels)
    store = build(images, small, tmp_path / "store")
    expected = np.ones((16, 16), np.uint8)
    expected[8, 9] = expected[10:] = 0
    np.testing.assert_array_equal(store.s2_mask[0], expected)
    assert store.s2[0, 5, 8, 9] == 0
    assert not store.s2[0, :, 10:].any()


def test_columns_turn_north_up_and_masked_cells_are_zero(images, small, tmp_path):
    field = column()
    field[59, 60] = np.nan
    images.add("falling", column=field)
    images.add("empty", column=np.full((120, 120), np.nan))
    images.add("rising", column=field[::-1], rising=True, units="molec cm^-2")
    store = build(images, small, tmp_path / "store")
    np.testing.assert_array_equal(store.s5p[0], store.s5p[1])
    assert store.s5p[0, 1, 2] == 0
    assert store.s5p_mask[0, 1, 2] == 0
    np.testing.assert_allclose(store.s5p[0, 0], field[58, 58:62], rtol=1e-6)
    assert store.index["s5p_row"].tolist() == [0, -1, 1]


def test_the_unit_is_turned_into_mol_per_square_metre():
    # 1 mol/m2 is Avogadro's number in 10^4 cm2.
    from mmaq.patches.published import MOLECULES_CM2

    assert pytest.approx(6.02214076e23 / 100**2, rel=1e-12) == MOLECULES_CM2


def test_stations_without_files_keep_their_place(images, small, tmp_path):
    images.add("A", picture())
    images.add("B", column=column())
    images.add("C", picture(), column())
    store = build(images, small, tmp_path / "store")
    assert store.index["s2_row"].tolist() == [0, -1, 1]
    assert store.index["s5p_row"].tolist() == [-1, 0, 1]
    assert store.about["modalities"]["s5p"]["pixel_m"] == 10


def test_without_images_the_store_is_empty_and_says_why(images, small, tmp_path):
    images.add("A")
    images.add("B")
    store = build(images, small, tmp_path / "store", images=None)
    assert store.absence("s2") == store.absence("s5p") == "images not given: set published.images"
    assert len(store.index) == 2
    store = build(images, small, tmp_path / "store", images=str(tmp_path / "nowhere"))
    assert store.absence("s2").startswith(f"images absent: {tmp_path / 'nowhere' / 'sentinel-2'}")
    (images.folder / "sentinel-2").mkdir(parents=True)
    store = build(images, small, tmp_path / "store")
    assert "holds none of the files that" in store.absence("s2")


def test_the_real_sample_table_without_images(real_data, save_sites, small, images, tmp_path):
    path = real_data / "stations" / "pollutant_ssl.csv"
    stations = pd.read_csv(path)["AirQualityStation"]
    sites = save_sites(pd.DataFrame({"site_id": stations, "lon": 10.0, "lat": 50.0}))
    images.add("unused")
    config = images.config(samples=str(path), images=None)
    build_published_patches(config=config, patches=small, sites=sites, out=tmp_path / "s")
    store = open_store(tmp_path / "s")
    assert len(store.index) == 2674
    assert store.absence("s2") == "images not given: set published.images"


def test_every_real_image_name_tells_its_offset(real_data):
    names = pd.read_csv(real_data / "stations" / "pollutant_ssl.csv")["img_path"]
    offsets = {product_of(name)[2] for name in names}
    years = {product_of(name)[1].year for name in names}
    assert offsets == {0}  # 2018 to 2020, before baseline 04.00
    assert years <= {2018, 2019, 2020}


@pytest.mark.parametrize("name", ["picture.npy", "S2A_MSIL2A_20200422T095031_N9999_R079.npy"])
def test_a_name_that_tells_no_baseline(images, small, tmp_path, name):
    row = images.add("A")
    row["img_path"] = f"A/{name}"
    images.save_npy(row["img_path"], picture())
    with pytest.raises(ProductError, match=f"{name}: the name does not say"):
        build(images, small, tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        (np.zeros((64, 64, 12)), "64 x 64 x 12"),
        (np.zeros((12, 120, 120)), "12 x 120 x 120"),
        (np.zeros((120, 120, 13)), "120 x 120 x 13"),
        (np.full((120, 120, 12), "x"), "<U1 array"),
        (np.full((2,), None), "Python objects in dtype"),
    ],
)
def test_an_array_of_another_kind(images, small, tmp_path, values, fault):
    row = images.add("A", picture())
    path = images.save_npy(row["img_path"], values)
    with pytest.raises(ProductError, match=fault) as error:
        build(images, small, tmp_path / "store")
    assert str(path) in str(error.value)


def test_truncated_files(images, small, tmp_path):
    row = images.add("A", picture(), column())
    path = images.folder / "sentinel-5p" / row["s5p_path"]
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ProductError, match="not a readable NetCDF"):
        build(images, small, tmp_path / "store")
    path = images.folder / "sentinel-2" / row["img_path"]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ProductError, match="the file cannot be read"):
        build(images, small, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_columns_of_another_variable_unit_or_size(images, small, tmp_path):
    row = images.add("A", picture(), column())
    for change, fault in (
        ({"variable": "CO_column"}, "no variable tropospheric_NO2_column_number_density"),
        ({"units": "mol m-2"}, "in 'mol m-2', not molecules/cm2"),
    ):
        images.save_netcdf(row["s5p_path"], column(), **change)
        with pytest.raises(ProductError, match=fault):
            build(images, small, tmp_path / "store")
    images.save_netcdf(row["s5p_path"], column()[:3])
    with pytest.raises(ProductError, match=r"shape \(3, 120\) holds no 4 x 4 pixels"):
        build(images, small, tmp_path / "store")


@pytest.mark.parametrize("key", ["s2_size", "s5p_size"])
def test_a_side_beyond_the_published_pixels(images, tmp_path, key):
    images.add("A")
    with pytest.raises(ConfigError, match=rf"patches\.{key}: 121 is more than the 120 pixels"):
        build(images, Patches(**{key: 121}), tmp_path / "store")


def test_faults_of_the_sample_table(images, small, tmp_path):
    images.add("A")
    sites, out = images.sites(), tmp_path / "store"
    path = tmp_path / "samples.csv"
    config = images.config()
    for content, fault in (
        (None, "the file does not exist"),
        ("", "the table is empty"),
        ("AirQualityStation,img_path\nA,x\n", "column 's5p_path' is missing"),
        ("AirQualityStation;img_path;s5p_path\nB;x;y\n", "station 'A' of the site table"),
    ):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        with pytest.raises(TableError, match=rf"samples\.csv: {fault}"):
            build_published_patches(config=config, patches=small, sites=sites, out=out)
    with pytest.raises(TableError, match=r"published\.samples: no sample table is given"):
        build_published_patches(
            config=config.model_copy(update={"samples": None}), patches=small, sites=sites, out=out
        )
    assert not out.exists()


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        (picture() / np.float32(9000), "reflectance of 0 to 1, not DN"),
        (picture() / 90.0, "reflectance in percent, not DN"),
        ((picture() - 4500.0) / 2600, "standardised, not DN"),
        ((picture() / 36).astype(np.uint8), "8-bit values are a picture, not DN"),
        ((picture() > 4500).astype(np.uint8), "not DN"),
    ],
)
def test_pixels_in_another_unit_are_refused_and_not_rounded_away(
    images, small, tmp_path, pixels, fault
):
    images.add("STA-1", pixels, side=120)
    with pytest.raises(ProductError, match=f"{fault}.*reflectance times 10,000"):
        build(images, small, tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_pixels_in_dn_are_taken_in_any_type(images, small, tmp_path):
    for name, kind in (("a", np.int16), ("b", np.float32), ("c", np.float64)):
        images.add(name, picture().astype(kind))
    store = build(images, small, tmp_path / "store")
    assert store.s2_mask.all()
    assert (store.s2[0] == store.s2[1]).all()
    assert (store.s2[0] == store.s2[2]).all()


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        (None, 1 / 6.02214076e19),
        ("molec/m2", 1e4),
        ("1e15 molec/cm2", 1e-15),
        ("molec cm-2", 1e-15),
    ],
)
def test_a_column_in_another_unit_is_refused_though_it_names_none(
    images, small, tmp_path, units, factor
):
    given = {} if units is None else {"units": units}
    images.add("STA-1", column=column() * factor, **given)
    with pytest.raises(ProductError, match="molecules/cm2"):
        build(images, small, tmp_path / "store")


@pytest.mark.parametrize(
    "units", ["molecules/cm^2", "molec/cm2", "molec. cm-2", "molecules per cm2"]
)
def test_spellings_of_the_unit(images, small, tmp_path, units):
    images.add("STA-1", column=column(), units=units)
    assert build(images, small, tmp_path / "store").s5p_mask.all()


def test_an_offset_that_the_pixels_contradict_is_told_in_one_line(images, small, tmp_path, caplog):
    images.add("dark", np.full((120, 120, 12), 420, np.uint16), baseline="0400")
    images.add("darker", np.full((120, 120, 12), 320, np.uint16), baseline="0400")
    images.add("right", np.full((120, 120, 12), 1420, np.uint16), baseline="0400")
    images.add("old", np.full((120, 120, 12), 420, np.uint16), baseline="0214")
    build(images, small, tmp_path / "store")
    (told,) = [record.message for record in caplog.records if "contradict" in record.message]
    assert told.startswith("the pixels of 2 of 4 images contradict the offset of their names")
    assert "boa_offset -1000, but 100% of the DN are below 900" in told
