"""Paired comparisons: against a plain loop, and what the verdict says."""

import numpy as np
import pandas as pd
import pytest

from mmaq.statistics.paired import compare_pairs, unexplained
from mmaq.statistics.resamples import Resamples
from tests.estimators.stations_made_up import make_table
from tests.statistics.by_hand import bounds, draw_weights
from tests.statistics.predictions_made_up import ALONE, FULL, TREES, TUNED, make_predictions

DRAWS = 100


@pytest.fixture(scope="module")
def sites():
    table, _, _ = make_table(160, np.random.default_rng(0), noise=8.0)
    return table


@pytest.fixture(scope="module")
def blocks(sites):
    return sites.set_index("site_id")["block"]


@pytest.fixture(scope="module")
def pairs(sites, blocks):
    return compare_pairs(make_predictions(sites), blocks, DRAWS)


def _pick(pairs, first, second):
    keys = [*pairs.columns[:6]]
    found = pairs[(pairs[keys] == [*first, *second]).all(axis=1)]
    return found.iloc[0] if len(found) else None


def test_each_pair_stands_once_in_the_order_of_the_benchmark(pairs):
    assert len(pairs) == 6
    for first, second in ((FULL, ALONE), (FULL, TUNED), (ALONE, TUNED), (TUNED, TREES)):
        assert _pick(pairs, first, second) is not None
        assert _pick(pairs, second, first) is None
    assert list(pairs["method"]) == ["mmaq"] * 6
    assert list(pairs["other_method"]) == ["mmaq", "mmaq", "gbm", "mmaq", "gbm", "gbm"]


@pytest.mark.parametrize("pair", [(FULL, ALONE), (FULL, TREES), (FULL, TUNED), (TUNED, TREES)])
@pytest.mark.parametrize("unit", ["site_id", "block"])
def test_the_figures_are_those_of_a_loop_over_shared_stations(sites, blocks, pairs, pair, unit):
    table = make_predictions(sites)
    wide = table.pivot(
        index=["run", "site_id"], columns=["method", "protocol", "modalities"],
        values="prediction",
    )[list(pair)].dropna()  # fmt: skip
    measured = sites.set_index("site_id")["no2"]
    shared = np.unique(wide.index.get_level_values("site_id"))
    units = np.asarray(shared if unit == "site_id" else blocks[shared], dtype=str)

    runs = [
        (np.searchsorted(shared, run.index.get_level_values("site_id")), run.to_numpy())
        for _, run in wide.groupby("run")
    ]
    target = measured[shared].to_numpy()

    def difference(weight):
        found = []
        for at, predicted in runs:
            y, w = target[at], weight[at]
            spread = np.average((y - np.average(y, weights=w)) ** 2, weights=w)
            one, other = (1 - np.average((y - p) ** 2, weights=w) / spread for p in predicted.T)
            found.append(one - other)
        return found

    row, values = _pick(pairs, *pair), difference(np.ones(len(shared)))
    assert row["difference"] == pytest.approx(np.mean(values), abs=1e-9)
    resampled = [difference(weight) for weight in draw_weights(units, DRAWS)]
    expected = bounds(values, resampled, len(np.unique(units)))
    names = ("low", "high") if unit == "site_id" else ("block_low", "block_high")
    assert [row[name] for name in names] == pytest.approx(expected, abs=1e-9)
    assert row["stations"] == len(shared)


def test_the_verdict_needs_both_intervals(pairs):
    better = (pairs["low"] > 0) & (pairs["block_low"] > 0)
    worse = (pairs["high"] < 0) & (pairs["block_high"] < 0)
    assert list(pairs["verdict"]) == list(
        np.where(better, "better", np.where(worse, "worse", "open"))
    )
    assert _pick(pairs, FULL, ALONE)["verdict"] == "better"
    assert _pick(pairs, FULL, TREES)["verdict"] == "open"


def test_a_gain_in_one_block_alone_is_open(sites):
    # Better at every station of one block, slightly worse elsewhere: stations say better.
    table = make_predictions(sites, methods={FULL: 1e-6, TREES: 1e-6})
    block = np.where(np.arange(len(sites)) < 60, "a", np.arange(len(sites)) % 9).astype(str)
    blocks = pd.Series(block, index=sites["site_id"])
    at = blocks[table["site_id"]].to_numpy()
    worse = (table["method"] == "gbm") & (at == "a") | (table["method"] == "mmaq") & (at != "a")
    table["prediction"] = table["measured"] + np.where(worse, np.where(at == "a", 5.0, 2.0), 0.0)
    row = compare_pairs(table, blocks, DRAWS).iloc[0]
    assert row["low"] > 0 > row["block_low"]
    assert row["verdict"] == "open"


def test_swapped_methods_have_the_opposite_difference(sites, blocks):
    table = make_predictions(sites, methods={FULL: 3.0, TREES: 5.0})
    mirrored = table.copy()
    names = ["method", "protocol", "modalities"]
    mine = (table["method"] == "mmaq").to_numpy()
    mirrored.loc[mine, names], mirrored.loc[~mine, names] = TREES, FULL
    one, other = (compare_pairs(part, blocks, DRAWS).iloc[0] for part in (table, mirrored))
    for low, high in (("low", "high"), ("block_low", "block_high"), ("difference", "difference")):
        assert one[low] == pytest.approx(-other[high])
    assert (one["verdict"], other["verdict"]) == ("better", "worse")


def test_without_blocks_nothing_is_called_better(sites):
    blocks = pd.Series("", index=sites["site_id"])
    row = compare_pairs(make_predictions(sites, methods={FULL: 1.0, TREES: 9.0}), blocks, DRAWS)
    assert row["low"].item() > 0
    assert np.isnan(row["block_low"].item())
    assert row["verdict"].item() == "open"


def test_methods_without_a_shared_station_are_no_pair(sites, blocks):
    table = make_predictions(sites, methods={FULL: 3.0, TREES: 3.0})
    half = table["site_id"].isin(sites["site_id"][:80])
    apart = table[half == (table["method"] == "mmaq")]
    assert compare_pairs(apart, blocks, DRAWS).empty


def test_a_resample_of_equal_targets_has_no_figure():
    squares, shared = np.ones((2, 1, 3)), np.ones((1, 3), dtype=bool)
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0]])
    drawn = Resamples(weights, np.arange(3))
    left = unexplained(squares, shared, np.array([1.0, 2.0, 3.0]), drawn)
    assert left.shape == (2, 1, 2)
    np.testing.assert_allclose(left[0], 1.5)
    assert np.isnan(left[1]).all()
