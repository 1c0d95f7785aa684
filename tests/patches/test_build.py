from __future__ import annotations

import logging

import numpy as np
import pytest

from mmaq.base.errors import MmaqError, ProductError, TableError
from mmaq.contracts.patches import open_store
from mmaq.patches.stage import patches as build_patches
from mmaq.sentinel2.cut import cut_windows
from tests.sentinel2.products import footprint, sites_at

PLACES = (1200, 1200), (30, 1200), (700, 800)


@pytest.fixture
def inputs(country, save_sites, save_l3):
    """One product, three sites (the second too near the edge), an L3 mean with its own values."""
    country.add("P")
    west, south = np.floor(np.array(footprint()[:2]) * 10) / 10
    mean = np.arange(40 * 40).reshape(40, 40) * 1e-7
    sites = sites_at(*PLACES)
    return country.write(), save_sites(sites), save_l3(west, south, mean), sites


def test_the_store_holds_what_the_two_satellites_saw(inputs, small, tmp_path, caplog):
    archive, table, l3, sites = inputs
    with caplog.at_level(logging.INFO):
        build_patches(
            archive=archive, sites=table, l3=l3, config=small, out=tmp_path / "store", workers=1
        )
    last = caplog.messages[-1]
    assert last == "patches of 3 sites: 2 have Sentinel-2, 3 have Sentinel-5P, 2 have both"
    store = open_store(tmp_path / "store")
    assert store.rows("s2", sites["site_id"]).tolist() == [0, -1, 1]
    assert store.rows("s5p", sites["site_id"]).tolist() == [0, 1, 2]
    windows = cut_windows(archive, sites, 16, 0.5, 1)
    np.testing.assert_array_equal(store.s2, windows.values)
    assert store.index["s2_product"].fillna("none").tolist() == ["P", "none", "P"]
    assert store.s5p.shape == (3, 4, 4)
    # First row north: the mean rises by 40 steps a row to the north, by one a column to the east.
    np.testing.assert_allclose(store.s5p[:, 0] - store.s5p[:, 1], 40e-7, rtol=1e-3)
    np.testing.assert_allclose(np.diff(store.s5p, axis=2), 1e-7, rtol=1e-2)
    assert store.about["modalities"]["s2"]["pixel_m"] == 10
    assert store.about["modalities"]["s5p"] == {
        "side": 4, "pixel_degrees": 0.01, "units": "mol m-2",
    }  # fmt: skip


def test_equal_bytes_for_any_number_of_workers(inputs, country, small, tmp_path):
    archive, table, l3, _ = inputs
    country.add("Q", day=2, scl=lambda x, y: np.full(x.shape, 5))
    country.write()
    for name, workers in (("a", 1), ("b", 2)):
        build_patches(
            archive=archive, sites=table, l3=l3, config=small, out=tmp_path / name, workers=workers
        )
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_site_without_a_valid_cell_keeps_its_place(country, small, save_sites, save_l3, tmp_path):
    country.add("P")
    west, south = np.floor(np.array(footprint()[:2]) * 10) / 10
    l3 = save_l3(west, south, np.full((40, 40), np.nan))
    build_patches(
        archive=country.write(),
        sites=save_sites(sites_at(*PLACES)),
        l3=l3,
        config=small,
        out=tmp_path / "store",
        workers=1,
    )
    store = open_store(tmp_path / "store")
    assert store.index["s5p_row"].tolist() == [-1, -1, -1]
    assert store.absence("s5p") == "the level-3 grid has no valid cell around any site"


def test_an_archive_without_images_says_so(save_sites, small, tmp_path):
    table = save_sites(sites_at(*PLACES))
    build_patches(
        archive=tmp_path / "archive",
        sites=table,
        l3=None,
        config=small,
        out=tmp_path / "store",
        workers=1,
    )
    store = open_store(tmp_path / "store")
    assert store.absence("s2") == "the archive has no collection sentinel-2-l2a"
    assert store.absence("s5p") == "the archive has no collection sentinel-5p-l2-no2"
    assert store.s2.shape == (0, 12, 16, 16)
    assert len(store.index) == 3


def test_only_clouds_leave_no_patch_and_a_reason(inputs, country, small, tmp_path):
    _, table, l3, _ = inputs
    country.products.clear()
    country.add("P", scl=lambda x, y: np.full(x.shape, 9))
    build_patches(
        archive=country.write(), sites=table, l3=l3, config=small, out=tmp_path / "store", workers=1
    )
    assert open_store(tmp_path / "store").absence("s2") == (
        "no product holds a window with 50% clear pixels"
    )


@pytest.mark.parametrize("broken", ["sites", "l3", "product"])
def test_a_fault_leaves_the_old_store_and_nothing_half_written(inputs, small, tmp_path, broken):
    archive, table, l3, _ = inputs
    out = tmp_path / "out" / "store"
    build_patches(archive=archive, sites=table, l3=l3, config=small, out=out, workers=1)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    product = archive / "sentinel-2-l2a" / "P" / "R20m.tif"
    path = {"sites": table, "l3": l3, "product": product}[broken]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MmaqError, match=path.name) as fault:
        build_patches(archive=archive, sites=table, l3=l3, config=small, out=out, workers=1)
    assert isinstance(fault.value, TableError if broken == "sites" else ProductError)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(out.parent.iterdir()) == [out]
