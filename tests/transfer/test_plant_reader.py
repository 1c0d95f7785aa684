"""The published layout is read as it is written, and a fault is one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import ProductError, StoreError, TableError
from mmaq.transfer.labels import FUELS, image_name, read_fuels, read_outlines
from mmaq.transfer.rasters import make_mask, read_image
from mmaq.transfer.stage import plants as prepare_plants
from mmaq.transfer.store import open_plant_store
from tests.transfer.published import Folder, box, noise_image, plume_image, write_tif


@pytest.fixture
def small(tmp_path):
    """One scene with a plume and one without."""
    folder = Folder(tmp_path / "published")
    ring = box(10, 20, 50, 40)
    folder.add("A_2020-01-01", plume_image(np.random.default_rng(0), ring), [ring])
    folder.add("B_2020-01-01", noise_image(np.random.default_rng(0)))
    return folder


def test_b10_is_left_out_and_the_order_is_kept(tmp_path):
    image = np.arange(1, 14, dtype=np.uint16)[:, None, None] * np.ones((1, 120, 120), np.uint16)
    write_tif(tmp_path / "a.tif", image)
    bands, side, (lon, _) = read_image(tmp_path / "a.tif")
    assert side == 120
    assert np.isnan(lon)
    assert bands[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13]


def test_a_large_image_is_cut_at_its_centre_with_its_mask(tmp_path):
    image = np.zeros((13, 300, 300), np.uint16)
    image[:, 140:170, 130:150] = 5000
    write_tif(tmp_path / "a.tif", image)
    bands, side, _ = read_image(tmp_path / "a.tif")
    ring = np.array(box(130, 140, 150, 170)) / 3
    assert side == 300
    assert np.array_equal(bands[0] > 0, make_mask([ring], side) == 1)
    assert bands[0][50:80, 40:60].all()


def test_a_side_that_is_one_pixel_off_is_mended(tmp_path):
    image = noise_image(np.random.default_rng(0))[:, :119, :]
    write_tif(tmp_path / "a.tif", image)
    bands, _, _ = read_image(tmp_path / "a.tif")
    assert np.array_equal(bands[:, :119], image[[*range(10), 11, 12]])
    assert np.array_equal(bands[:, 119], bands[:, 118])


def test_an_image_s_own_tags_are_obeyed(tmp_path):
    image = noise_image(np.random.default_rng(0))
    image[1, :5] = 65535
    path = tmp_path / "a.tif"
    write_tif(path, image)
    with rasterio.open(path, "r+") as data:
        data.nodata = 65535
        data.scales, data.offsets = (0.0001,) * 13, (-0.01,) * 13
    bands, _, _ = read_image(path)
    assert (bands[1, :5] == 0).all()
    assert np.array_equal(bands[1, 5:], image[1, 5:] - 100)


def test_the_store_holds_what_the_folder_does(plant_store):
    store = open_plant_store(plant_store)
    assert store.images.shape == (48, 12, 120, 120)
    assert store.index["location"].nunique() == 16
    assert store.index["fuel"].value_counts().to_dict() == {0: 12, 1: 12, 2: 12, 3: 12}
    assert (store.index["has_plume"] == (store.masks.sum(axis=(1, 2)) > 0)).all()
    inside = store.images[:, 0][store.masks == 1]
    assert inside.min() >= 3500


def test_a_positive_scene_that_nobody_outlined_has_no_known_mask(small, tmp_path):
    for path in (small.root / "segmentation_labels").rglob("*.json"):
        path.unlink()
    prepare_plants(scenes=small.finish(), out=tmp_path / "store")
    index = open_plant_store(tmp_path / "store").index
    assert index["outlined"].tolist() == [True, False]


def test_a_scene_that_the_table_does_not_name_has_no_fuel(small, tmp_path):
    small.rows.pop()
    prepare_plants(scenes=small.finish(), out=tmp_path / "store")
    assert open_plant_store(tmp_path / "store").index["fuel"].tolist() == [-1, 2]


def test_every_fuel_of_the_published_table_has_a_class(small):
    small.rows = [{"filename": f"{n}.tif", "fuel_type": fuel} for n, fuel in enumerate(FUELS)]
    assert list(read_fuels(small.finish()).values()) == list(FUELS.values())


def _break_bands(folder):
    write_tif(
        folder.root / "images/validation/negative/C.tif",
        noise_image(np.random.default_rng(0), bands=12),
    )


def _break_side(folder):
    write_tif(
        folder.root / "images/validation/negative/C.tif",
        noise_image(np.random.default_rng(0), side=100),
    )


def _truncate(folder):
    path = next(folder.root.rglob("*.tif"))
    path.write_bytes(path.read_bytes()[:5000])


def _outline_outside(folder):
    folder.outline("/data/upload/1-A_2020-01-01.png", [box(10, 10, 150, 40)])


def _two_points(folder):
    folder.outline("/data/upload/1-A_2020-01-01.png", [[[1, 1], [2, 2]]])


def _climb(folder):
    folder.outline("/data/upload/../../1-A_2020-01-01.png", [box(10, 10, 20, 40)])


def _other_name(folder):
    folder.outline("/data/upload/A.jpg", [box(10, 10, 20, 40)])


def _break_json(folder):
    next(folder.root.rglob("*.json")).write_text("{")


def _other_json(folder):
    next(folder.root.rglob("*.json")).write_text(json.dumps({"data": []}))


def _unknown_fuel(folder):
    folder.rows[0]["fuel_type"] = "Wood"


def _reflectance(folder):
    write_tif(next(folder.root.rglob("A*.tif")), _share())


def _share():
    return np.random.default_rng(0).uniform(0.01, 0.9, (13, 120, 120)).astype(np.float32)


def _two_fuels(folder):
    folder.rows.append(folder.rows[0] | {"fuel_type": "Fossil Oil"})


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (_break_bands, ProductError, r"C\.tif: 12 bands, not 13\. Give B01"),
        (_break_side, ProductError, r"C\.tif: 100 x 100 pixels, not"),
        (_reflectance, ProductError, r"\.tif: values up to 0\.9 are reflectance of 0 to 1, not DN"),
        (_truncate, ProductError, r"\.tif: not a readable GeoTIFF"),
        (_outline_outside, TableError, r"\.json: an outline goes through \(150, 10\)"),
        (_two_points, TableError, r"\.json: an outline of shape \(2, 2\) is no polygon"),
        (_climb, TableError, r"\.json: data\.image .* leads out of the folder"),
        (_other_name, TableError, r"\.json: data\.image .* is not named NUMBER-NAME\.png"),
        (_break_json, TableError, r"\.json: not valid JSON"),
        (_other_json, TableError, r"\.json: no outlines in the published form"),
        (_unknown_fuel, TableError, r"labels\.csv: A_2020-01-01\.tif has the unknown fuel 'Wood'"),
        (_two_fuels, TableError, r"labels\.csv: A_2020-01-01\.tif has two fuels"),
    ],
)
def test_a_fault_is_one_line_and_leaves_nothing(small, tmp_path, fault, error, message):
    fault(small)
    with pytest.raises(error, match=message) as raised:
        prepare_plants(scenes=small.finish(), out=tmp_path / "store")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("missing", ["labels.csv", "images", "segmentation_labels"])
def test_a_missing_part_of_the_layout_is_named(small, tmp_path, missing):
    small.finish()
    (small.root / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(TableError, match=rf"{missing}: it does not exist\. Give the folder"):
        prepare_plants(scenes=small.root, out=tmp_path / "store")


def test_a_damaged_store_is_refused(plant_store, tmp_path):
    with pytest.raises(StoreError, match=r"index\.parquet: the file does not exist"):
        open_plant_store(tmp_path)


def test_names_with_dashes_are_kept_whole(small):
    label = small.root / "a.json"
    assert image_name("/data/upload/12-site-7_2020-01-01.png", label) == "site-7_2020-01-01.tif"


percent = st.floats(0, 100, allow_nan=False).map(lambda value: round(value, 3))


@settings(max_examples=30, deadline=None)
@given(percent, percent, percent, percent)
def test_a_mask_has_the_outlines_area(x1, y1, x2, y2):
    left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    mask = make_mask([np.array(box(left, top, right, bottom))], 120)
    width, height = 1.2 * (right - left), 1.2 * (bottom - top)
    assert abs(mask.sum() - width * height) <= width + height + 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 399), st.integers(0, 399)), min_size=3, max_size=7))
def test_a_mirrored_outline_gives_the_mirrored_mask(points):
    ring = (np.array(points) * 0.25 + 0.01) % 100
    mirrored = ring * [-1, 1] + [100, 0]
    straight, mirror = make_mask([ring], 120), make_mask([mirrored], 120)
    # an edge may pass through centres of pixels, 120 of them at most
    assert np.sum(straight[:, ::-1] != mirror) <= 120 * len(points)


def test_outlines_are_found_below_positive_too(small):
    small.outline("/data/upload/5-Z.png", [box(1, 1, 9, 9)], part="validation/positive")
    assert ("validation", "Z.tif") in read_outlines(small.root)
