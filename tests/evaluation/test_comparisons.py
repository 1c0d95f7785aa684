"""Paired comparisons: against a plain loop, and what the verdict says."""

import numpy as np
import pandas as pd
import pytest
from stations_made_up import make_table

from mmaq.base.errors import LeakError, TableError
from mmaq.contracts.predictions import PREDICTIONS
from mmaq.contracts.sites import write_sites
from mmaq.evaluate.stage import COMPARISONS as COLUMNS
from mmaq.evaluate.stage import comparisons as compare_methods
from mmaq.statistics.bootstrap import draw_weights
from mmaq.statistics.paired import compare_pairs, unexplained

DRAWS = 100
METHODS = {
    ("mmaq", "linear", "s2+s5p"): 4.0, ("mmaq", "finetune", "s2+s5p"): 3.0,
    ("mmaq", "linear", "s5p"): 5.0, ("gbm", "reference", "table"): 4.0,
}  # fmt: skip
"""Standard deviation of the errors of each method."""


def make_predictions(sites, seeds=(0, 1), methods=METHODS, **columns):
    rng = np.random.default_rng(1)
    parts = []
    for (method, protocol, modalities), spread in methods.items():
        for seed in seeds:
            part = pd.DataFrame({"site_id": sites["site_id"], "measured": sites["no2"]})
            part["prediction"] = part["measured"] + rng.normal(0, spread, len(sites))
            part["fold"] = np.arange(len(sites)) % 4
            names = {"method": method, "protocol": protocol, "modalities": modalities}
            part = part.assign(seed=seed, **names)
            parts.append(part[part["fold"] == 0] if protocol == "finetune" else part)
    fixed = {"task": "no2", "split": "random", "label_fraction": 1.0, "radius": np.nan}
    table = pd.concat(parts, ignore_index=True).assign(**(fixed | columns))
    return table[list(PREDICTIONS)].astype(PREDICTIONS)


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


FULL = ("mmaq", "linear", "s2+s5p")
ALONE = ("mmaq", "linear", "s5p")
TUNED = ("mmaq", "finetune", "s2+s5p")
TREES = ("gbm", "reference", "table")


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
        index=["seed", "site_id"], columns=["method", "protocol", "modalities"],
        values="prediction",
    )[list(pair)].dropna()  # fmt: skip
    measured = sites.set_index("site_id")["no2"]
    shared = np.unique(wide.index.get_level_values("site_id"))
    units = np.asarray(shared if unit == "site_id" else blocks[shared], dtype=str)

    runs = [
        (np.searchsorted(shared, run.index.get_level_values("site_id")), run.to_numpy())
        for _, run in wide.groupby("seed")
    ]
    target = measured[shared].to_numpy()

    def difference(weight):
        found = []
        for at, predicted in runs:
            y, w = target[at], weight[at]
            spread = np.average((y - np.average(y, weights=w)) ** 2, weights=w)
            one, other = (1 - np.average((y - p) ** 2, weights=w) / spread for p in predicted.T)
            found.append(one - other)
        return np.mean(found)

    row = _pick(pairs, *pair)
    assert row["difference"] == pytest.approx(difference(np.ones(len(shared))), abs=1e-9)
    resampled = [difference(weight) for weight in draw_weights(units, DRAWS)]
    low, high = np.percentile(resampled, [2.5, 97.5])
    names = ("low", "high") if unit == "site_id" else ("block_low", "block_high")
    assert [row[name] for name in names] == pytest.approx([low, high], abs=1e-9)
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
    left = unexplained(squares, shared, np.array([1.0, 2.0, 3.0]), weights)
    np.testing.assert_allclose(left[0], 1.5)
    assert np.isnan(left[1]).all()


@pytest.fixture
def files(sites, tmp_path):
    write_sites(sites, tmp_path / "sites.parquet")
    table = make_predictions(sites)
    parts = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    table.to_parquet(parts[0], index=False)
    few = make_predictions(sites, label_fraction=0.1, methods={FULL: 9.0})
    blocks = make_predictions(sites, split="blocks", methods={FULL: 3.0, TREES: 4.0})
    pd.concat([few, blocks]).to_parquet(parts[1], index=False)
    return parts, tmp_path / "sites.parquet", tmp_path / "comparisons.csv"


def test_the_table_holds_every_split_and_no_share_of_the_labels(files, pairs):
    parts, sites, out = files
    compare_methods(predictions=parts, sites=sites, draws=DRAWS, dataset="made_up", out=out)
    table = pd.read_csv(out)
    assert list(table.columns) == list(COLUMNS)
    assert list(table["split"]) == ["random"] * 6 + ["blocks"]
    assert set(table["metric"]) == {"r2"}
    assert set(table["dataset"]) == {"made_up"}
    np.testing.assert_allclose(table["difference"][:6], pairs["difference"], rtol=1e-5)


def test_labels_that_changed_their_stations_are_found(files):
    parts, sites, out = files
    table = pd.read_parquet(parts[0])
    shuffled = table["measured"].sample(frac=1, random_state=0).to_numpy()
    table.assign(measured=shuffled).to_parquet(parts[0], index=False)
    with pytest.raises(LeakError, match=r"no2: station 'ST[0-9]+' measured"):
        compare_methods(predictions=parts, sites=sites, draws=DRAWS, dataset="made_up", out=out)
    assert not out.exists()


def test_nothing_to_compare_is_a_table_without_rows(files):
    parts, sites, out = files
    empty = pd.read_parquet(parts[0]).iloc[:0]
    empty.to_parquet(parts[0], index=False)
    compare_methods(predictions=parts[:1], sites=sites, draws=DRAWS, dataset="made_up", out=out)
    assert list(pd.read_csv(out).columns) == list(COLUMNS)


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "the file of predictions does not exist"), (b"broken", "not a table of predictions")],
)
def test_a_broken_part_is_named(files, content, fault):
    parts, sites, out = files
    parts[1].unlink()
    if content is not None:
        parts[1].write_bytes(content)
    with pytest.raises(TableError, match=rf"b\.parquet: {fault}"):
        compare_methods(predictions=parts, sites=sites, draws=DRAWS, dataset="made_up", out=out)
