"""Which files of a folder are bands: by their whole name and place, and by what they are."""

from __future__ import annotations

import logging
import re
import shutil

import numpy as np
import pytest
import rasterio

from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.base.errors import ArchiveError, ProductError
from mmaq.vocabulary import BANDS
from tests.acquire.files.made_up import PRODUCT, write_raster, write_scene

TILE_TIME = "T32UNE_20210603T103629"
SIZES = {10: ("B02", "B03", "B04", "B08"), 60: ("B01", "B09")}
NATIVE = {band: size for size, bands in SIZES.items() for band in bands}


def write_safe(folder, name=f"{PRODUCT}.SAFE", sizes=(10, 20, 60)):
    """A whole SAFE: bands at their resolutions, masks of detectors, previews and metadata."""
    root = folder / name
    granule = root / "GRANULE" / "L2A_T32UNE_A022160_20210603T103629"
    for band in (*BANDS, "SCL"):
        native = NATIVE.get(band, 20)
        for size in sizes:
            if size >= native and (band != "B08" or size == 10):
                write_raster(band_file(granule, band, size))
        for mask in ("MSK_DETFOO", "MSK_QUALIT"):
            write_raster(granule / "QI_DATA" / f"{mask}_{band}.tif", 7, dtype="uint8")
    write_raster(granule / "QI_DATA" / f"{TILE_TIME}_PVI.tif", 7, dtype="uint8")
    write_raster(granule / "IMG_DATA" / "R10m" / f"{TILE_TIME}_TCI_10m.tif", 7, dtype="uint8")
    (root / "MTD_MSIL2A.xml").write_text(
        f"<n1:L><PRODUCT_URI>{PRODUCT}.SAFE</PRODUCT_URI>\n"
        "<PROCESSING_BASELINE>03.00</PROCESSING_BASELINE></n1:L>"
    )
    return granule


def band_file(granule, band, size):
    return granule / "IMG_DATA" / f"R{size}m" / f"{TILE_TIME}_{band}_{size}m.tif"


def names(scene):
    return {band: asset.path.name for band, asset in scene.assets.items()}


def test_masks_beside_the_bands_are_none(tmp_path):
    granule = write_safe(tmp_path)
    [scene] = find_scenes(tmp_path)
    assert names(scene) == {
        band: f"{TILE_TIME}_{band}_{NATIVE.get(band, 20)}m.tif" for band in (*BANDS, "SCL")
    }
    # B05's own file is missing: the band at its other resolution, and without it a refusal.
    band_file(granule, "B05", 20).unlink()
    assert names(find_scenes(tmp_path)[0])["B05"] == f"{TILE_TIME}_B05_60m.tif"
    band_file(granule, "B05", 60).unlink()
    with pytest.raises(ArchiveError, match="the scene lacks B05 of the 12 Level-2A bands"):
        find_scenes(tmp_path)


def test_of_a_safe_whose_fine_bands_are_gone_no_mask_is_taken(tmp_path):
    write_safe(tmp_path, sizes=(60,))
    with pytest.raises(ArchiveError, match="the scene lacks B08 of the 12"):
        find_scenes(tmp_path)


def test_a_safe_under_another_name_is_known_by_its_metadata(tmp_path):
    write_safe(tmp_path, "vienna")
    [scene] = find_scenes(tmp_path)
    assert (scene.id, scene.properties["s2:processing_baseline"]) == (PRODUCT, "03.00")
    assert scene.properties["boa_offset"] == 0
    metadata = tmp_path / "vienna" / "MTD_MSIL2A.xml"
    metadata.write_text(
        metadata.read_text().replace("03.00", "99.99").replace("N0300", "N9999").replace(
            "</n1:L>", '<BOA_ADD_OFFSET band_id="0">-1000</BOA_ADD_OFFSET></n1:L>')
    )  # fmt: skip
    [scene] = find_scenes(tmp_path)
    assert scene.properties["boa_offset"] == -1000


@pytest.mark.parametrize(
    "prefix", [f"{TILE_TIME}_", f"L2A_{TILE_TIME}_", f"{PRODUCT}_", "own folder_", ""]
)
def test_whole_names_of_band_files(tmp_path, prefix):
    folder = tmp_path / PRODUCT / "own folder"
    for band in (*BANDS, "SCL"):
        write_raster(folder / f"{prefix}{band}.TIF")
    [scene] = find_scenes(tmp_path)
    assert set(scene.assets) == {*BANDS, "SCL"}


@pytest.mark.parametrize(
    "name", ["MSK_DETFOO_B05", "old_B05", "ndvi-B05_20m", "mean.B05", "b05x_B05"]
)
def test_a_name_that_only_ends_like_a_band_s_is_none_and_is_told(tmp_path, caplog, name):
    folder = write_scene(tmp_path / PRODUCT)
    write_raster(folder / f"{name}.tif", 7)
    with caplog.at_level(logging.WARNING):
        [scene] = find_scenes(tmp_path)
    assert scene.asset("B05").path.name == "B05.tif"
    assert f"1 rasters whose names only end like a band's (first {PRODUCT}/{name}.tif)" in (
        caplog.text
    )
    (folder / "B05.tif").unlink()
    with pytest.raises(ArchiveError, match="lacks B05"):
        find_scenes(tmp_path)


def test_files_of_another_tile_or_time_are_refused(tmp_path):
    granule = write_safe(tmp_path)
    foreign = band_file(granule, "B11", 20)
    for name in ("T32UNF_20210603T103629", "T32UNE_20210608T103629"):
        moved = foreign.with_name(foreign.name.replace(TILE_TIME, name))
        foreign.rename(moved)
        with pytest.raises(ArchiveError, match="is of another tile or time than"):
            find_scenes(tmp_path)
        moved.rename(foreign)
    shutil.move(tmp_path / f"{PRODUCT}.SAFE", tmp_path / PRODUCT.replace("T32UNE", "T31UFU"))
    with pytest.raises(ArchiveError, match="is of another tile than its product, T31UFU"):
        find_scenes(tmp_path)


def test_a_band_of_another_product_is_refused_though_it_lies_in_the_folder(tmp_path):
    later = PRODUCT.replace("20210603", "20210612")
    folder = write_scene(tmp_path / later)
    foreign = write_raster(folder / f"{PRODUCT}_B05.tif")
    told = "is of another time than its product, 20210612T103629"
    with pytest.raises(ArchiveError, match=rf"{PRODUCT}_B05\.tif: {told}"):
        find_scenes(tmp_path)
    (folder / "B05.tif").unlink()
    with pytest.raises(ArchiveError, match=told):
        find_scenes(tmp_path)
    # The same tile and time, processed anew: its DN have another offset.
    foreign.rename(folder / f"{later.replace('N0300', 'N0400')}_B05.tif")
    with pytest.raises(ArchiveError, match=f"is of another product than {later}"):
        find_scenes(tmp_path)


def test_a_whole_set_of_another_date_is_refused(tmp_path):
    for band in (*BANDS, "SCL"):
        write_raster(tmp_path / PRODUCT.replace("20210603", "20210612") / f"{TILE_TIME}_{band}.tif")
    with pytest.raises(ArchiveError, match="is of another time than its product, 20210612T103629"):
        find_scenes(tmp_path)


def test_a_band_that_lies_elsewhere_is_refused(tmp_path):
    folder = write_scene(tmp_path / PRODUCT)
    with rasterio.open(folder / "B11.tif", "r+") as data:
        data.transform = rasterio.Affine(60, 0, 700_000, 0, -60, 5_900_000)
    with pytest.raises(ProductError, match=r"B11\.tif: lies elsewhere than B01\.tif, so it is of"):
        find_scenes(tmp_path)


@pytest.mark.parametrize(("dtype", "told"), [("uint8", "uint8"), ("float32", "float32")])
def test_what_holds_no_digital_numbers_is_no_band(tmp_path, dtype, told):
    folder = write_scene(tmp_path / PRODUCT)
    write_raster(folder / "B11.tif", 7, dtype=dtype)
    with pytest.raises(ProductError, match=rf"B11\.tif: {told} where digital numbers are integers"):
        find_scenes(tmp_path)


def test_hidden_files_are_passed_over(tmp_path):
    folder = write_scene(tmp_path / PRODUCT)
    for name in (*(f"._{band}.tif" for band in BANDS), "._item.json", ".DS_Store"):
        (folder / name).write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X        ")
    shutil.copytree(folder, tmp_path / ".Trash" / PRODUCT)
    [scene] = find_scenes(tmp_path)
    assert scene.asset("B02").path == folder / "B02.tif"


def test_folders_behind_links_are_searched_once(tmp_path, caplog):
    inside, disk = tmp_path / "in", tmp_path / "disk"
    write_scene(inside / PRODUCT)
    other = PRODUCT.replace("20210603T103629", "20210608T103629")
    write_scene(disk / other)
    (inside / "more").symlink_to(disk)
    (inside / "again").symlink_to(disk / other)
    (inside / "round").symlink_to(inside)
    (inside / "gone").symlink_to(tmp_path / "unplugged")
    with caplog.at_level(logging.WARNING):
        assert [scene.id for scene in find_scenes(inside)] == [PRODUCT, other]
    assert re.search(
        r"1 links or folders below it lead nowhere .* the first .*in/gone", caplog.text
    )


def test_what_nearly_fits_and_what_is_another_product_is_counted(tmp_path, caplog):
    write_scene(tmp_path / PRODUCT)
    (tmp_path / f"{PRODUCT}.SAFE.zip").write_bytes(b"PK")
    (tmp_path / f"{PRODUCT}.zip").write_bytes(b"PK")
    write_scene(tmp_path / PRODUCT.replace("L2A", "L1C"))
    with caplog.at_level(logging.INFO):
        assert len(find_scenes(tmp_path)) == 1
    told = {record.levelname: record.message for record in caplog.records}
    assert "left out: 2 products that are still packed (first S2B_" in told["WARNING"]
    assert "passed over: 13 images of Level-1C products" in told["INFO"]
    shutil.rmtree(tmp_path / PRODUCT)
    with pytest.raises(ArchiveError, match=r"of a Sentinel-2 scene .*2 products that are still"):
        find_scenes(tmp_path)


def test_an_offset_that_the_pixels_contradict_is_told(tmp_path, caplog):
    folder = tmp_path / PRODUCT.replace("N0300", "N0400")
    for band in (*BANDS, "SCL"):
        write_raster(folder / f"{band}.tif", 420)
    with caplog.at_level(logging.WARNING):
        find_scenes(tmp_path)
    assert (
        "boa_offset -1000, but 100% of the DN are below 900: the stated offset may" in caplog.text
    )
    caplog.clear()
    for band in BANDS:
        write_raster(folder / f"{band}.tif", 1420)
    find_scenes(tmp_path)
    assert caplog.text == ""


def test_an_offset_that_the_files_declare_goes_before_the_baseline(tmp_path, caplog):
    folder = write_scene(tmp_path / PRODUCT)
    for band in BANDS:
        with rasterio.open(folder / f"{band}.tif", "r+") as data:
            data.scales, data.offsets = (0.0001,), (-0.1,)
    [scene] = find_scenes(tmp_path)
    assert scene.properties["boa_offset"] == -1000
    assert "declare an offset of -1000 where the product has 0" in caplog.text


def test_a_scene_across_the_antimeridian_has_the_narrow_box(tmp_path):
    folder = tmp_path / PRODUCT.replace("32UNE", "01KAB")
    for band in (*BANDS, "SCL"):
        write_raster(folder / f"{band}.tif", crs=32701)
        with rasterio.open(folder / f"{band}.tif", "r+") as data:
            data.transform = rasterio.Affine(600, 0, 178_000, 0, -600, 8_140_000)
    [scene] = find_scenes(tmp_path)
    west, _, east, _ = scene.bbox
    assert 179 < west < 180
    assert -180 < east < -179
    np.testing.assert_allclose((east - west) % 360, 0.034, atol=0.002)
