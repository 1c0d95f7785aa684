from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import ArchiveError
from mmaq.sentinel2.cut import cut_windows
from mmaq.vocabulary import BANDS
from tests.sentinel2.products import NORTH, WEST, centres, ramp, sites_at

CLOUD, SHADOW, SNOW = 9, 3, 11


def west_half(value):
    return lambda x, y: np.where(x < WEST + 1200, value, 4)


def window_of(site, size, value):
    """Classes that are ``value`` in the first rows of the window around a place, else clear."""
    _, south, share = site
    edge = NORTH - south + size * 5 - share * size * 10
    return lambda x, y: np.where(y > edge, value, 4)


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("size", [31, 32])
def test_a_ramp_comes_out_on_the_ten_metre_grid_at_the_right_place(country, single, size):
    country.add("P", single=single)
    places = [(1203.0, 1187.0), (606.0, 944.0), (1502.0, 803.0)]
    windows = cut_windows(country.write(), sites_at(*places), size, 0.5, 1)
    assert windows.pixel == 10
    x, y = centres(10)
    for row, (east, south) in enumerate(places):
        # Independent of the code: pixels whose centre lies within half a window of the site.
        columns = np.argsort(np.abs(x[0] - WEST - east), kind="stable")[:size]
        rows = np.argsort(np.abs(NORTH - y[:, 0] - south), kind="stable")[:size]
        block = np.ix_(np.sort(rows), np.sort(columns))
        for band, values in zip(BANDS, windows.values[row], strict=True):
            expected = ramp(band, x, y)[block] - 1000
            # Half a DN from rounding the source, half from rounding the result.
            assert np.abs(values - expected).max() <= 1.0, band
    assert windows.mask.all()
    assert windows.values.dtype == np.uint16
    assert windows.mask.dtype == np.uint8


def test_the_offset_is_removed_and_nothing_wraps(country):
    country.add("old", day=1, offset=0, dn=lambda band, x, y: np.full(x.shape, 300.0))
    sites = sites_at((1200, 1200))
    assert (cut_windows(country.write(), sites, 16, 0.5, 1).values == 300).all()
    country.products.clear()
    # DN 300 with the offset of -1000 is a negative reflectance: clipped at 0, still valid.
    country.add("new", day=1, offset=-1000, dn=lambda band, x, y: np.full(x.shape, 300.0))
    windows = cut_windows(country.write(), sites, 16, 0.5, 1)
    assert (windows.values == 0).all()
    assert windows.mask.all()


def test_the_least_cloudy_date_of_the_patch_wins_not_that_of_the_tile(country):
    # The tile of day 1 is half cloud, all of it west; day 2 has one cloud, over the east site.
    country.add("A", day=1, scl=west_half(CLOUD))
    country.add(
        "B",
        day=2,
        scl=lambda x, y: np.where(np.hypot(x - WEST - 1900, y - NORTH + 500) < 300, CLOUD, 4),
    )
    sites = sites_at((500, 500), (1900, 500))
    table = cut_windows(country.write(), sites, 32, 0.5, 1).table
    assert list(table["product"]) == ["B", "A"]
    assert list(table["time"].dt.day) == [2, 1]
    np.testing.assert_array_equal(table["clear"], [1.0, 1.0])


def test_equal_shares_go_to_the_earliest_whatever_its_id(country):
    for name, day in (("A", 9), ("Z", 3), ("M", 5)):
        country.add(name, day=day)
    assert (
        cut_windows(country.write(), sites_at((1200, 1200)), 32, 0.5, 1).table["product"][0] == "Z"
    )


@pytest.mark.parametrize("value", [0, 1, SHADOW, 8, CLOUD, 10, SNOW])
def test_classes_that_hide_the_surface_are_masked(country, value):
    country.add("P", scl=window_of((1200, 1200, 0.25), 32, value))
    windows = cut_windows(country.write(), sites_at((1200, 1200)), 32, 0.5, 1)
    assert not windows.mask[0, :8].any()
    assert windows.mask[0, 8:].all()
    assert windows.table["clear"][0] == pytest.approx(0.75)


@pytest.mark.parametrize("value", [2, 4, 5, 6, 7])
def test_classes_that_show_the_surface_are_clear(country, value):
    country.add("P", scl=lambda x, y: np.full(x.shape, value))
    assert cut_windows(country.write(), sites_at((1200, 1200)), 32, 0.5, 1).mask.all()


def test_the_threshold_is_inclusive_and_too_cloudy_sites_keep_their_share(country):
    country.add("P", scl=window_of((1200, 1200, 0.5), 32, CLOUD))
    archive, sites = country.write(), sites_at((1200, 1200))
    assert cut_windows(archive, sites, 32, 0.5, 1).table["row"][0] == 0
    windows = cut_windows(archive, sites, 32, 0.51, 1)
    row = windows.table.iloc[0]
    assert (row["row"], row["product"], row["clear"]) == (-1, None, 0.5)
    assert row["time"] is pd.NaT
    assert windows.values.shape == (0, 12, 32, 32)
    assert np.isnan(windows.pixel)


def test_a_window_without_one_clear_pixel_is_none_whatever_is_asked(country):
    country.add("cloud", scl=lambda x, y: np.full(x.shape, CLOUD))
    sites = sites_at((1200, 1200))
    windows = cut_windows(country.write(), sites, 32, 0.0, 1)
    assert windows.table["row"].tolist() == [-1]
    assert windows.table["clear"].tolist() == [0.0]

    def hole(x, y):
        return np.where(np.hypot(x - WEST - 1190, y - NORTH + 1190) < 1, 4, CLOUD)

    country.add("hole", day=2, scl=hole)
    windows = cut_windows(country.write(), sites, 32, 0.0, 1)
    assert windows.mask.sum() == 4
    # Classes that are all clear do not help where no band has data.
    country.products.clear()
    country.add("empty", dn=lambda band, x, y: np.zeros(x.shape))
    assert cut_windows(country.write(), sites, 32, 0.0, 1).table["row"].tolist() == [-1]


def test_sites_whose_window_leaves_every_product_have_no_row(country):
    country.add("P")
    sites = sites_at((150, 1200), (1200, 1200), (-40, 1200), (2300, 2300), (50_000, 1200))
    sites.index = [9, 4, 7, 1, 3]  # the caller's index means nothing
    table = cut_windows(country.write(), sites, 32, 0.5, 1).table
    assert list(table["row"]) == [-1, 0, -1, -1, -1]
    assert table["clear"].isna().tolist() == [True, False, True, True, True]
    assert list(table["site_id"]) == list(sites["site_id"])


def test_pixels_without_data_are_masked_and_zero(country):
    def dn(band, x, y):
        blank = (x > WEST + 1200) if band == "B11" else np.zeros(x.shape, bool)
        return np.where(blank, 0, 3000)

    country.add("P", dn=dn)
    windows = cut_windows(country.write(), sites_at((1200, 1200)), 32, 0.4, 1)
    swir = windows.values[0, BANDS.index("B11")]
    assert (swir[:, :16] == 2000).all()  # the neighbours without data have not leaked in
    assert (swir[:, 16:] == 0).all()
    np.testing.assert_array_equal(windows.mask[0], np.arange(32)[None] < np.full((32, 1), 16))
    assert windows.table["clear"][0] == 0.5
    # The scene classification is all clear, so only the bands tell that half the window is empty.
    assert cut_windows(country.write(), sites_at((1200, 1200)), 32, 0.6, 1).table["row"][0] == -1


def test_the_same_bytes_for_any_number_of_workers(country):
    rng = np.random.default_rng(5)
    for day in range(1, 5):
        country.add(f"P{day}", day=day, scl=lambda x, y: rng.choice([4, 5, 9], x.shape))
    sites = sites_at(*rng.uniform(200, 2200, (12, 2)))
    archive = country.write()
    one, two, again = (cut_windows(archive, sites, 24, 0.1, workers) for workers in (1, 3, 1))
    for other in (two, again):
        assert one.values.tobytes() == other.values.tobytes()
        assert one.mask.tobytes() == other.mask.tobytes()
        pd.testing.assert_frame_equal(one.table, other.table)
    assert one.table["product"].nunique() > 1


def test_order_of_sites_does_not_matter(country):
    country.add("P")
    sites = sites_at((700, 700), (1200, 1500), (1800, 900))
    archive = country.write()
    windows = cut_windows(archive, sites, 16, 0.5, 1)
    turned = cut_windows(archive, sites[::-1], 16, 0.5, 1)
    np.testing.assert_array_equal(windows.values, turned.values[::-1])


def test_an_archive_without_sentinel2_says_so(tmp_path):
    with pytest.raises(ArchiveError, match="sentinel-2-l2a"):
        cut_windows(tmp_path, sites_at((0, 0)), 32, 0.5, 1)
