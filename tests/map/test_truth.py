"""Means over cells, and figures of a map, by hand."""

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from mmaq.map.grid import MapGrid
from mmaq.map.truth import cell_means, compare

NAMES = ["no2", "low", "high", "dissimilarity"]


def _grid():
    """4 x 3 cells of 100 m whose upper left corner is at 600,000 m east, 5,400,000 m north."""
    return MapGrid(32632, 100.0, 6000, 54000, 3, 4, (10.0, 48.0, 11.0, 49.0))


def test_a_cell_is_the_mean_of_its_points(tmp_path):
    points = np.arange(24, dtype=np.float32).reshape(1, 4, 6)
    points[0, 3, 5] = np.nan
    with rasterio.open(
        tmp_path / "points.tif", "w", driver="GTiff", width=6, height=4, count=1, dtype="float32",
        crs="EPSG:32632", transform=from_origin(600_100, 5_399_900, 50, 50), nodata=np.nan,
    ) as file:  # fmt: skip
        file.write(points)
    means = cell_means(tmp_path / "points.tif", _grid())
    blocks = np.nanmean(points[0].reshape(2, 2, 3, 2), axis=(1, 3))
    expected = np.full((1, 3, 4), np.nan)
    expected[0, 1:, 1:] = blocks
    np.testing.assert_allclose(means, expected)


def test_figures_inside_and_outside_the_area_of_applicability():
    rng = np.random.default_rng(3)
    truth = rng.uniform(5, 40, (10, 10))
    error = np.where(np.arange(10) < 5, 1.0, -4.0) * np.ones((10, 1))
    truth[0, 0] = np.nan
    mapped = truth + error
    unlike = np.where(np.arange(10) < 5, 0.5, 1.5) * np.ones((10, 1))
    values = np.stack([mapped, mapped - 2, mapped + 2, unlike])
    found = compare(values, NAMES, truth, 0.0).set_index("part")
    assert found["cells"].to_dict() == {"all": 99, "inside": 49, "outside": 50}
    assert found["bias"].round(9).to_dict()["inside"] == 1.0
    assert found["rmse"].round(9).to_dict()["outside"] == 4.0
    assert found["true90"].to_dict() == {"all": 49 / 99, "inside": 1.0, "outside": 0.0}
    assert found["measured90"].to_dict() == found["true90"].to_dict(), "without an error"
    assert (found["width90"] == 4.0).all()
    known = np.isfinite(truth)
    ratio = (error[known] ** 2).sum() / ((truth[known] - truth[known].mean()) ** 2).sum()
    np.testing.assert_allclose(found.loc["all", "r2"], 1 - ratio)


def test_measurements_scatter_about_the_truth():
    """Against drawn ones: an interval of 90 % of a true map holds 90 % of them and all means."""
    truth, gain = np.random.default_rng(4).uniform(5, 40, (20, 20)), 0.11
    reach = 1.645 * gain * truth
    values = np.stack([truth, truth - reach, truth + 2 * reach, np.zeros((20, 20))])
    found = compare(values, NAMES, truth, gain).set_index("part").loc["all"]
    drawn = truth * (1 + gain * np.random.default_rng(5).standard_normal((2000, 20, 20)))
    held = ((values[1] <= drawn) & (drawn <= values[2])).mean()
    assert found["measured90"] == pytest.approx(held, abs=1e-3)
    assert found["true90"] == 1.0


def test_a_few_cells_have_no_figures():
    values = np.ones((4, 2, 2))
    found = compare(values, NAMES, np.ones((2, 2)), 0.1)
    assert found.loc[0, "cells"] == 4
    assert pd.isna(found.loc[0, "r2"])
