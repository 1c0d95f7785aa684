"""Paired comparisons that are written beside the benchmark table."""

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import LeakError, TableError
from mmaq.contracts.predictions import ENTRY, write_fits
from mmaq.contracts.sites import write_sites
from mmaq.evaluate.stage import COMPARISONS, benchmark_table, compare_all
from mmaq.statistics.paired import compare_pairs
from tests.estimators.stations_made_up import make_table
from tests.statistics.predictions_made_up import FULL, TREES, make_predictions

DRAWS = 100
DONE = {"n_train": 120, "n_test": 40, "seconds": 1.0, "status": "ok", "reason": ""}
SKIPPED = DONE | {"seconds": np.nan, "status": "skipped", "reason": "no, really"}


@pytest.fixture(scope="module")
def sites():
    table, _, _ = make_table(160, np.random.default_rng(0), noise=8.0)
    return table


def _write(table, path):
    """A part of the evaluation: its predictions, and the lines about them."""
    table.to_parquet(path.with_suffix(".parquet"), index=False)
    about = table[list(ENTRY)].drop_duplicates().to_dict("records")
    write_fits(path.with_suffix(".csv"), [fit | DONE for fit in about])
    return path


@pytest.fixture
def parts(sites, tmp_path):
    """Two parts, of which the second holds a share of the labels and another split."""
    write_sites(sites, tmp_path / "sites.parquet")
    few = make_predictions(sites, label_fraction=0.1, methods={FULL: 9.0})
    blocks = make_predictions(sites, split="blocks", methods={FULL: 3.0, TREES: 4.0})
    both = pd.concat([few, blocks])
    return [_write(make_predictions(sites), tmp_path / "a"), _write(both, tmp_path / "b")]


def _compare(parts, folder):
    """The comparisons of the parts that lie in the folder."""
    out = folder / "comparisons.csv"
    benchmark_table(
        predictions=[part.with_suffix(".parquet") for part in parts],
        fits=[part.with_suffix(".csv") for part in parts],
        sites=folder / "sites.parquet", block_degrees=2.0, draws=DRAWS,
        dataset="made_up", out=folder / "benchmark.csv",
        metrics=folder / "metrics.json", comparisons=out,
    )  # fmt: skip
    return pd.read_csv(out)


def test_the_table_holds_every_split_and_no_share_of_the_labels(parts, sites, tmp_path):
    table = _compare(parts, tmp_path)
    assert list(table.columns) == list(COMPARISONS)
    assert list(table["split"]) == ["random"] * 6 + ["blocks"]
    assert set(table["metric"]) == {"r2"}
    assert set(table["dataset"]) == {"made_up"}
    blocks = sites.set_index("site_id")["block"]
    pairs = compare_pairs(make_predictions(sites), blocks, DRAWS)
    np.testing.assert_allclose(table["difference"][:6], pairs["difference"], rtol=1e-5)
    np.testing.assert_allclose(table["low"][:6], pairs["low"], rtol=1e-5)


def test_pollutants_and_splits_are_compared_apart_in_the_order_of_their_names(sites):
    ozone = sites.assign(o3=sites["no2"] + 30.0)
    of_ozone = make_predictions(
        ozone.assign(no2=ozone["o3"]), task="o3", methods={FULL: 3.0, TREES: 4.0}
    )
    table = pd.concat([of_ozone, make_predictions(sites, split="blocks"), make_predictions(sites)])
    found = compare_all(table, ozone, DRAWS)
    keys = found[["task", "split"]].drop_duplicates().to_numpy().tolist()
    assert keys == [["no2", "random"], ["no2", "blocks"], ["o3", "random"]]
    assert len(found) == 6 + 6 + 1


def test_labels_that_changed_their_stations_are_found(parts, tmp_path):
    path = parts[0].with_suffix(".parquet")
    table = pd.read_parquet(path)
    shuffled = table["measured"].sample(frac=1, random_state=0).to_numpy()
    table.assign(measured=shuffled).to_parquet(path, index=False)
    with pytest.raises(LeakError, match=r"no2: station 'ST[0-9]+' measured"):
        _compare(parts, tmp_path)
    for name in ("comparisons.csv", "benchmark.csv", "metrics.json"):
        assert not (tmp_path / name).exists()


def test_nothing_to_compare_is_a_table_without_rows(parts, tmp_path):
    alone = pd.read_parquet(parts[0].with_suffix(".parquet"))
    empty = tmp_path / "empty"
    alone.iloc[:0].to_parquet(empty.with_suffix(".parquet"), index=False)
    (fit,) = alone[list(ENTRY)].drop_duplicates().head(1).to_dict("records")
    write_fits(empty.with_suffix(".csv"), [fit | SKIPPED])
    found = _compare([empty], tmp_path)
    assert list(found.columns) == list(COMPARISONS)
    assert found.empty


@pytest.mark.parametrize(
    ("content", "fault"),
    [(None, "the file does not exist"), (b"broken", "not a table of predictions")],
)
def test_a_broken_part_is_named(parts, tmp_path, content, fault):
    path = parts[1].with_suffix(".parquet")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TableError, match=rf"b\.parquet: {fault}"):
        _compare(parts, tmp_path)
    assert not (tmp_path / "comparisons.csv").exists()
