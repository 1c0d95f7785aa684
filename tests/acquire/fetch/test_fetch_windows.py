"""Windows of remote scenes: the same pixels, the same patches, and little more than their bytes."""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import pandas as pd
import pytest
import rasterio

from mmaq.base.errors import ServiceError, TableError
from mmaq.contracts.archive import SENTINEL2, read_collection
from mmaq.sentinel2.cut import cut_windows
from mmaq.vocabulary import BANDS
from tests.acquire.fetch.conftest import PATCHES, SITES, tree


def same_windows(one, other):
    np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(one.mask, other.mask)
    pd.testing.assert_frame_equal(one.table, other.table)
    assert one.pixel == other.pixel


def cut(archive, sites=SITES):
    return cut_windows(archive, sites, PATCHES.s2_size, PATCHES.min_clear, 1)


def test_the_archive_gives_the_patches_of_the_one_it_was_served_from(mirror, caplog):
    with caplog.at_level(logging.WARNING):
        archive = mirror.fetch()
    assert not [r for r in caplog.records if "offset" in r.message]
    expected = cut(mirror.country.root)
    assert list(expected.table["product"]) == ["S2A_ONE", "S2A_TWO", "S2A_SIX", "S2A_TWO"]
    same_windows(cut(archive), expected)


def test_windows_are_the_full_scenes_pixels_and_nothing_else_is_filled(mirror):
    archive = mirror.fetch()
    whole = {product.id: product for product in mirror.country.products}
    for product in read_collection(archive, SENTINEL2):
        for name, asset in product.assets.items():
            asset.verify()
            with (
                rasterio.open(asset.path) as got,
                rasterio.open(whole[product.id].asset(name).path) as want,
            ):
                assert (got.shape, got.transform, got.crs) == (want.shape, want.transform, want.crs)
                assert got.descriptions == asset.bands
                values, full = got.read(), want.read()
                filled = values != 0
                np.testing.assert_array_equal(values[filled], full[filled])
                windows = int((cut(archive).table["product"] == product.id).sum())
                side = 240 + 2 * got.transform.a  # window, margin, and a pixel to interpolate
                assert filled[0].sum() <= windows * (side / got.transform.a) ** 2
                assert filled[0].sum() >= windows * (120 / got.transform.a) ** 2


def test_a_place_that_moves_by_some_metres_keeps_its_window(mirror):
    archive = mirror.fetch()
    moved = SITES.assign(lon=SITES["lon"] + 3e-4, lat=SITES["lat"] - 2e-4)
    same_windows(cut(archive, moved), cut(mirror.country.root, moved))


def test_only_the_classification_of_a_scene_nobody_chose_is_read(mirror):
    mirror.change(candidates={"s0": ("S2A_ONE", "S2A_TWO")})
    mirror.fetch()
    assert {path for path in mirror.asked() if "S2A_TWO" in path} == {"S2A_TWO/SCL.tif"}
    assert not any("S2A_SIX" in path for path in mirror.asked())
    assert [product.id for product in read_collection(mirror.archive, SENTINEL2)] == ["S2A_ONE"]


def test_a_second_run_asks_for_nothing_and_changes_no_byte(mirror):
    before = tree(mirror.fetch())
    mirror.server.log.clear()
    assert tree(mirror.fetch()) == before
    assert mirror.asked() == []
    assert not (mirror.folder / "acquire_cache" / SENTINEL2).exists()


def test_another_site_makes_only_its_scene_anew(mirror):
    every = mirror.manifest.candidates
    mirror.change(candidates={name: every[name] for name in ("s0", "s1")})
    mirror.fetch()
    mirror.change(candidates={name: every[name] for name in ("s0", "s1", "s3")})
    mirror.server.log.clear()
    archive = mirror.fetch()
    asked = {path for path in mirror.asked() if not path.endswith("SCL.tif")}
    assert {path.split("/")[0] for path in asked} == {"S2A_TWO"}
    sites = SITES.iloc[[0, 1, 3]]
    same_windows(cut(archive, sites), cut(mirror.country.root, sites))


def test_a_scene_that_nobody_chooses_any_more_leaves_the_archive(mirror):
    every = mirror.manifest.candidates
    mirror.fetch()
    mirror.change(candidates={name: every[name] for name in ("s0", "s1")})
    archive = mirror.fetch()
    folders = {path.name for path in (archive / SENTINEL2).iterdir() if path.is_dir()}
    assert folders == {"S2A_ONE", "S2A_TWO"}


def test_the_archive_does_not_depend_on_the_number_of_threads(mirror, tmp_path):
    one = tree(mirror.fetch(workers=1))
    mirror.archive = tmp_path / "other" / "archive"
    mirror.manifest_path.with_name(f"choice_{SENTINEL2}.json").unlink()
    assert tree(mirror.fetch(workers=8)) == one


def test_an_offset_that_the_dn_contradict_is_told(mirror, caplog):
    lowered = [
        product.model_copy(update={"properties": product.properties | {
            "boa_offset": 0, "s2:processing_baseline": "05.09"}})
        for product in mirror.manifest.products
    ]  # fmt: skip
    mirror.change(products=tuple(lowered))
    with caplog.at_level(logging.WARNING):
        mirror.fetch()
    told = [record.message for record in caplog.records if "offset may be wrong" in record.message]
    assert len(told) == 3
    assert told[0].startswith("S2A_ONE: boa_offset 0, but the darkest DN of baseline 05.09 is ")


def test_a_site_that_no_scene_holds_is_named(mirror, caplog):
    table = pd.read_csv(mirror.sites_csv)
    table.loc[0, "lon"] += 1
    table.to_csv(mirror.sites_csv, index=False)
    with caplog.at_level(logging.WARNING):
        mirror.fetch()
    assert "no scene holds the window of 1 sites: s0" in caplog.text


def test_an_id_that_climbs_out_of_the_archive_is_refused(mirror):
    bad = mirror.manifest.products[0].model_copy(update={"id": "../../away"})
    mirror.change(products=(bad,))
    with pytest.raises(
        ServiceError, match=r"earth-search: .*\.\./away' or one of its files has no"
    ):
        mirror.fetch()


def test_a_table_without_places_is_named(mirror):
    mirror.sites_csv.write_text("site_id,lon\na,1\n")
    with pytest.raises(TableError, match=r"sites\.csv: not a table of places"):
        mirror.fetch()


def test_what_was_chosen_can_be_read(mirror):
    mirror.fetch()
    choice = json.loads(mirror.manifest_path.with_name(f"choice_{SENTINEL2}.json").read_text())
    assert set(choice["scenes"]["S2A_TWO"]["windows"]) == {"s1", "s3"}
    assert choice["scenes"]["S2A_ONE"]["grid"]["x"] == {
        "origin": 600000.0, "pixel": 10.0, "length": 240
    }  # fmt: skip


def rewrite(mirror, scene, band, change, **tags):
    """Serve another file of a band, in a folder of its own."""
    (product,) = (each for each in mirror.manifest.products if each.id == scene)
    source = mirror.root / scene / f"{band}.tif"
    folder = mirror.folder.parent / "served"
    if mirror.server.folder != folder:
        shutil.copytree(mirror.root, folder)
        mirror.server.folder = folder
    with rasterio.open(source) as data:
        profile, values = data.profile, change(data.read(1).astype(float))
    scale, offset = tags.pop("scale", (1.0, 0.0))
    profile |= {"height": values.shape[0], "width": values.shape[1], **tags}
    with rasterio.open(folder / product.id / f"{band}.tif", "w", **profile) as data:
        data.write(values.astype(profile["dtype"]), 1)
        data.scales, data.offsets = (scale,), (offset,)


def test_where_bands_of_the_clearest_scene_are_missing_the_next_is_taken(mirror):
    # Over the last site S2A_TWO and S2A_SIX are clear alike, and the former is earlier.
    def hole(values):
        values[84:97, 84:97] = 0
        return values

    assert cut(mirror.country.root).table["product"][3] == "S2A_TWO"
    rewrite(mirror, "S2A_TWO", "B12", hole)
    table = cut(mirror.fetch()).table
    assert table["product"].tolist() == ["S2A_ONE", "S2A_TWO", "S2A_SIX", "S2A_SIX"]
    assert table["clear"][3] == 1.0


@pytest.mark.parametrize(("dtype", "nodata"), [("uint16", 65535), ("int16", -9999)])
def test_declared_nodata_of_a_remote_band_is_no_data(mirror, dtype, nodata):
    def hole(values):
        values[14:18, 14:18] = nodata
        return values

    for scene in ("S2A_ONE", "S2A_TWO", "S2A_SIX"):
        rewrite(mirror, scene, "B12", hole, dtype=dtype, nodata=nodata)
    windows = cut(mirror.fetch())
    swir = windows.values[0, BANDS.index("B12")]
    assert not windows.mask[0].all()
    assert (swir[windows.mask[0] == 1] > 0).all()
    assert swir.max() < 10_000


@pytest.mark.parametrize("scale", [(0.0001, -0.1), (0.0001, 0.0), (1.0, -1000.0)])
def test_scale_and_offset_of_a_remote_band_are_obeyed_once(mirror, scale):
    expected = cut(mirror.country.root)
    for scene in ("S2A_ONE", "S2A_TWO", "S2A_SIX"):
        rewrite(mirror, scene, "B02", lambda values: values, scale=scale)
    same_windows(cut(mirror.fetch()), expected)


def test_a_remote_band_or_classification_that_ends_early_is_masked_there(mirror):
    for scene in ("S2A_ONE", "S2A_TWO", "S2A_SIX"):
        rewrite(mirror, scene, "B01", lambda values: values[:30])
        rewrite(mirror, scene, "B09", lambda values: values[:30])
    windows = cut(mirror.fetch())
    # The last site's window lies at 1750 to 1870 m, and the files end at 1800 m.
    assert windows.table["row"].tolist()[:2] == [0, 1]
    for row in windows.table["row"][2:]:
        assert row == -1 or not windows.mask[row][-6:].any()


def test_pixels_that_rounding_has_made_uneven_are_read_remotely(mirror):
    expected = cut(mirror.country.root)
    place = rasterio.Affine(10.00000000001, 0, 600_000, 0, -10, 5_900_040)
    for scene in ("S2A_ONE", "S2A_TWO", "S2A_SIX"):
        rewrite(mirror, scene, "B02", lambda values: values, transform=place)
    same_windows(cut(mirror.fetch()), expected)
