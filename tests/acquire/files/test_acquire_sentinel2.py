"""Scenes: baseline and offset, names of band files, missing bands, parts of one product."""

import json
import shutil

import pytest

from mmaq.acquire.files.sentinel2 import find_scenes
from mmaq.base.errors import ArchiveError, ProductError
from mmaq.vocabulary import BANDS
from tests.acquire.files.made_up import PRODUCT, write_raster, write_scene


def write_item(folder, **properties):
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "S2B_32UNE_20210603_0_L2A",
            "geometry": None, "links": [], "assets": {},
            "properties": {"datetime": "2021-06-03T10:40:00Z", **properties}}  # fmt: skip
    (folder / "item.json").write_text(json.dumps(item))


@pytest.mark.parametrize(
    ("baseline", "offset"), [("0209", 0), ("0301", 0), ("0400", -1000), ("0510", -1000)]
)
def test_offset_follows_the_processing_baseline(tmp_path, baseline, offset):
    write_scene(tmp_path / PRODUCT.replace("N0300", f"N{baseline}"))
    [scene] = find_scenes(tmp_path)
    assert scene.properties == {
        "s2:processing_baseline": f"{baseline[:2]}.{baseline[2:]}", "boa_offset": offset,
        "proj:epsg": 32632,
    }  # fmt: skip
    assert set(scene.assets) == {*BANDS, "SCL"}
    assert scene.time.isoformat() == "2021-06-03T10:36:29+00:00"


@pytest.mark.parametrize(("applied", "offset"), [(True, 0), (False, -1000)])
def test_offset_that_the_provider_applied_is_not_added_again(tmp_path, applied, offset):
    folder = write_scene(tmp_path / "scene")
    write_item(folder, **{"s2:processing_baseline": "05.00",
                          "earthsearch:boa_offset_applied": applied})  # fmt: skip
    [scene] = find_scenes(tmp_path)
    assert scene.id == "S2B_32UNE_20210603_0_L2A"
    assert scene.properties["boa_offset"] == offset


def test_an_item_with_the_version_of_processing_alone_is_read_as_the_search_reads_it(tmp_path):
    folder = write_scene(tmp_path / "scene")
    write_item(folder, **{"processing:version": "05.11", "proj:code": "EPSG:32632"})
    [scene] = find_scenes(tmp_path)
    assert scene.properties["s2:processing_baseline"] == "05.11"
    assert scene.properties["boa_offset"] == -1000


def test_the_offset_that_an_item_states_with_its_bands_goes_before_the_baseline(tmp_path):
    folder = write_scene(tmp_path / "scene")
    write_item(folder, **{"s2:processing_baseline": "05.11"})
    item = json.loads((folder / "item.json").read_text())
    item["assets"] = {"blue": {"href": "B02.tif", "raster:bands": [{"scale": 1e-4, "offset": 0}]}}
    (folder / "item.json").write_text(json.dumps(item))
    assert find_scenes(tmp_path)[0].properties["boa_offset"] == 0


def test_item_that_only_names_its_product(tmp_path):
    folder = write_scene(tmp_path / "scene", "cloud_mask")
    write_item(folder, **{"s2:product_uri": f"{PRODUCT}.SAFE", "datetime": None,
                          "start_datetime": "2021-06-03T10:00:00Z",
                          "end_datetime": "2021-06-03T11:00:00Z"})  # fmt: skip
    [scene] = find_scenes(tmp_path)
    assert scene.properties["s2:processing_baseline"] == "03.00"
    assert scene.time.isoformat() == "2021-06-03T10:36:29+00:00"


def test_safe_folder_gives_each_band_at_its_native_resolution(tmp_path):
    images = tmp_path / f"{PRODUCT}.SAFE" / "GRANULE" / "L2A_T32UNE_A022" / "IMG_DATA"
    for size in (10, 20, 60):
        for band in (*BANDS, "SCL"):
            if size == 60 or band not in ("B01", "B09"):
                write_raster(images / f"R{size}m" / f"T32UNE_20210603T103629_{band}_{size}m.tif")
    [scene] = find_scenes(tmp_path)
    assert scene.id == PRODUCT
    sizes = {name: asset.path.parent.name for name, asset in scene.assets.items()}
    assert sizes["B02"] == "R10m"
    assert sizes["B8A"] == sizes["SCL"] == sizes["B05"] == "R20m"
    assert sizes["B01"] == sizes["B09"] == "R60m"


def test_parts_of_one_product_are_told_apart(tmp_path):
    write_scene(tmp_path / "0U_199R" / PRODUCT)
    write_scene(tmp_path / "0U_200R" / PRODUCT)
    assert [scene.id for scene in find_scenes(tmp_path)] == [
        f"{PRODUCT}_0U_199R", f"{PRODUCT}_0U_200R",
    ]  # fmt: skip
    shutil.copytree(tmp_path / "0U_199R", tmp_path / "copy" / "0U_199R")
    with pytest.raises(ArchiveError, match="the scene lies there twice"):
        find_scenes(tmp_path)


def test_parts_in_folders_of_their_product_are_scenes_of_their_own(tmp_path):
    for part in ("north", "south"):
        write_scene(tmp_path / PRODUCT / part)
    found = find_scenes(tmp_path)
    assert [scene.id for scene in found] == [f"{PRODUCT}_north", f"{PRODUCT}_south"]
    for scene, part in zip(found, ("north", "south"), strict=True):
        assert {asset.path.parent.name for asset in scene.assets.values()} == {part}
    (tmp_path / PRODUCT / "south" / "B11.tif").unlink()
    with pytest.raises(ArchiveError, match=r"south: the scene lacks B11"):
        find_scenes(tmp_path)


def test_folders_of_a_product_that_share_its_bands_out_are_one_scene(tmp_path):
    for size, bands in (("10m", ("B02", "B03", "B04", "B08")), ("60m", BANDS), ("masks", ("SCL",))):
        for band in bands:
            write_raster(tmp_path / PRODUCT / size / f"{band}.tif")
    [scene] = find_scenes(tmp_path)
    assert scene.id == PRODUCT
    folders = [scene.asset(band).path.parent.name for band in ("B02", "B05", "SCL")]
    assert folders == ["10m", "60m", "masks"]


def refuse(folder, error, message):
    with pytest.raises(error) as caught:
        find_scenes(folder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_faults_are_named(tmp_path):
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", ArchiveError, "holds no band files of a Sentinel-2 scene")
    scene = write_scene(tmp_path / "bands" / PRODUCT)
    (scene / "B11.tif").unlink()
    (scene / "B8A.tif").unlink()
    refuse(tmp_path / "bands", ArchiveError, "lacks B8A, B11 of the 12 Level-2A bands")
    scene = write_scene(tmp_path / "mask" / PRODUCT)
    (scene / "SCL.tif").unlink()
    refuse(tmp_path / "mask", ArchiveError, "has neither SCL nor cloud_mask")
    write_scene(tmp_path / "nameless" / "scene")
    refuse(tmp_path / "nameless", ArchiveError, "neither the folder's name nor a STAC item")
    write_scene(tmp_path / "own" / PRODUCT.replace("N0300", "N9999"))
    refuse(tmp_path / "own", ArchiveError, "'99.99' does not tell the offset")
    scene = write_scene(tmp_path / "broken" / PRODUCT)
    (scene / "B02.tif").write_text("no raster")
    refuse(tmp_path / "broken", ProductError, "B02.tif: not a readable raster")
    scene = write_scene(tmp_path / "nowhere" / PRODUCT)
    write_raster(scene / "B02.tif", crs=None)
    refuse(tmp_path / "nowhere", ProductError, "B02.tif: has no coordinate reference system")


def test_faulty_items_are_named(tmp_path):
    folder = write_scene(tmp_path / "scene")
    write_item(folder, **{"s2:processing_baseline": "late"})
    refuse(tmp_path, ArchiveError, "processing baseline 'late' does not tell the offset")
    (folder / "item.json").write_text('{"type": "Feature"}')
    refuse(tmp_path, ArchiveError, "item.json: not a valid STAC item")
    (folder / "item.json").write_text("{")
    refuse(tmp_path, ArchiveError, "item.json: not valid JSON")
    write_item(folder, **{"s2:processing_baseline": "05.00", "datetime": None,
                          "start_datetime": "2021-06-03T10:00:00Z",
                          "end_datetime": "2021-06-03T11:00:00Z"})  # fmt: skip
    refuse(tmp_path, ArchiveError, "the STAC item has no date")
