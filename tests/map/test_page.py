"""The page holds the cells of the map, in one file, and never too much."""

import base64
import json
import re
import zlib

import numpy as np
import pandas as pd
import pytest

from mmaq.config.evaluation import Evaluate
from mmaq.map.bands import Band, bands_of
from mmaq.map.grid import MapGrid
from mmaq.map.measured import MAPPED, distances
from mmaq.map.page import LARGEST, NONE, Page, stride_of, write_page


@pytest.fixture
def page():
    grid = MapGrid.of((6.0, 49.4, 6.1, 49.5), 1000.0)
    bands = bands_of("no2", (10.0,), [])
    values = np.random.default_rng(1).uniform(0, 1, (len(bands), grid.rows, grid.columns))
    values[:, 0, 0] = np.nan
    stations = pd.DataFrame(
        {"site_id": ["</script>", "far"], "lon": [6.05, 9.0], "lat": [49.45, 49.0],
         "measured": [21.04, 3.0]}
    )  # fmt: skip
    about = {"area": "here", "pollutant": "NO2", "method": "gbm", "period": "2021"}
    return Page(grid, 1, bands, values, stations, {1: "table"}, about, 12, [("a", "b")], None, None)


def _facts(text):
    (held,) = re.findall(r'<script type="application/json" id="facts">(.*?)</script>', text)
    return json.loads(held)


def test_what_is_read_is_what_the_map_says(page, tmp_path):
    write_page(tmp_path / "map.html", page)
    text = (tmp_path / "map.html").read_text()
    facts = _facts(text)
    packed = zlib.decompress(base64.b64decode(facts["values"]))
    numbers = np.frombuffer(packed, "<u2").reshape(page.values.shape)
    assert (numbers[:, 0, 0] == NONE).all()
    for band, given, own in zip(facts["bands"], page.values, numbers, strict=True):
        read = np.where(own == NONE, np.nan, band["first"] + own * band["step"])
        np.testing.assert_allclose(read, given, atol=band["step"])
        assert band["step"] < 2e-5
    assert [station["measured"] for station in facts["stations"]] == [21.0]
    assert not re.findall(r"(?:src|href)=|https?://", text), "it opens offline"


def test_a_large_map_is_an_overview():
    assert stride_of(1000, 400, 11) == 1
    for rows, columns in ((1000, 1000), (30_000, 20_000)):
        stride = stride_of(rows, columns, 11)
        assert stride > 1
        assert -(-rows // stride) * -(-columns // stride) * 11 * 8 / 3 <= LARGEST


def test_a_map_of_nothing_is_a_page_too(page, tmp_path):
    empty = Page(**{**vars(page), "values": np.full_like(page.values, np.nan)})
    write_page(tmp_path / "map.html", empty)
    assert _facts((tmp_path / "map.html").read_text())["rows"] == page.grid.rows


def test_what_people_breathe_is_a_row_a_district(page, tmp_path):
    row = {"name": "<north>", "people": 12345.6, "mean": 21.04, "mean_low": 19.0, "mean_high": 24.0,
           "people_above_10": 9000.0, "share_above_10": 0.731, "share_above_10_low": 0.5,
           "share_above_10_high": 0.9, "true_mean": 20.5, "true_share_above_10": 0.7}  # fmt: skip
    without = {**row, "name": "south"} | dict.fromkeys(list(row)[3:9], np.nan)
    told = Page(**{**vars(page), "exposed": pd.DataFrame([row, without])})
    write_page(tmp_path / "map.html", told)
    rows = re.findall(r'class="left">(.*?)</tr>', (tmp_path / "map.html").read_text())[1:]
    assert [re.findall(r"([^<>]+)</", each) for each in rows] == [
        ["&lt;north&gt;", "12,346", "21.0 (19.0 to 24.0)", "20.5", "73 (50 to 90)"],
        ["south", "12,346", "21.0", "20.5", "n/a"],
    ]


def test_figures_at_stations_stand_above_those_of_cells(page, tmp_path):
    figures = {
        "r2": 0.784,
        "rmse": 5.28,
        "bias": -0.01,
        "measured90": 0.907,
        "true90": np.nan,
        "width90": 9.0,
    }
    measured = pd.DataFrame([{"split": "blocks", "group": "background", **figures}])
    cells = pd.DataFrame([{"part": "outside", "cells": 1234, **figures, "r2": -1.0}])
    both = Page(**{**vars(page), "measured": measured, "comparison": cells})
    write_page(tmp_path / "map.html", both)
    rows = re.findall(r'class="left">(.*?)</tr>', (tmp_path / "map.html").read_text())[1:]
    texts = [re.findall(r"([^<>]+)</", row) for row in rows]
    assert texts == [
        ["Background stations, blocks", "0.78", "5.3", "0.0", "0.91", "n/a", "9.0"],
        ["1,234 outside it", "-1.00", "5.3", "0.0", "0.91", "n/a", "9.0"],
    ]


def test_distances_are_a_row_a_split_and_one_of_the_map(page, tmp_path):
    sites = pd.DataFrame({"lon": [6.0, 6.0, 9.0], "lat": [49.0, 49.001, 49.0], "no2": 1.0})
    sites["country"] = "DE"
    found = distances(sites, Evaluate(), np.array([[9.0, 49.0], [6.0, 49.1]]))
    assert found.loc[found["split"] == MAPPED, "km"].round(1).tolist() == [0.0, 11.0]
    told = Page(**{**vars(page), "distances": found[found["split"] == MAPPED]})
    write_page(tmp_path / "map.html", told)
    (row,) = re.findall(r'class="left">(.*?)</tr>', (tmp_path / "map.html").read_text())[1:]
    assert re.findall(r"([^<>]+)</", row) == ["Cells of this map", "5.5", "9.9"]


def test_bands_say_what_they_are():
    names = [band.name for band in bands_of("no2", (10.0, 20.0, 40.0), [])]
    assert names == [
        "no2", "low", "high", "p_above_10", "p_above_20", "p_above_40", "dissimilarity", "inputs",
    ]  # fmt: skip
    assert all(isinstance(band, Band) and band.about for band in bands_of("o3", (), []))
