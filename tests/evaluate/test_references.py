"""References as rows of the benchmark: where they stand, what they skip and why."""

import numpy as np
import pandas as pd
import pytest

from mmaq.base.errors import StoreError, TableError
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.benchmark import main_rows
from mmaq.estimators import geostatistics, intervals, trees
from mmaq.estimators.catalogue import reference
from mmaq.estimators.features import geography, land_use
from mmaq.evaluate.stage import evaluate_references
from mmaq.evaluate.task import read_task
from mmaq.statistics import splits
from mmaq.statistics.labels import random_labels
from mmaq.statistics.metrics import INTERVAL_METRICS, METRICS
from mmaq.statistics.quality import QUALITY_METRICS
from mmaq.statistics.splits import Fold, Stations
from tests.estimators.stations_made_up import make_data
from tests.evaluate.running import evaluate

ALL = Evaluate().references
TREES = trees.BOOSTING["num_iterations"]
QUICK = Evaluate(seeds=(0,), folds=2, bootstrap=20, splits=("random",))
TWO = Evaluate(seeds=(0, 1), folds=2, bootstrap=100, splits=("random", "country"))


def _run(data, folder, config=QUICK, archive=True):
    truth = data[2] if archive else None
    given = {"archive": truth, "references": config.references}
    rows, table = evaluate(evaluate_references, data, folder, config, **given)
    return main_rows(rows), table[table["label_fraction"] == 1.0]


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    """Nor many inner folds, whose trees are grown for the intervals alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "ENSEMBLE", 1)
        patch.setitem(trees.BOOSTING, "num_iterations", 100)
        patch.setitem(trees.RANDOM, "num_iterations", 20)
        patch.setattr(geostatistics, "LIKELIHOOD", 100)
        patch.setattr(splits, "INNER", 2)
        yield


@pytest.fixture(scope="module")
def results(data, tmp_path_factory):
    return _run(data, tmp_path_factory.mktemp("references"), TWO)


def test_every_reference_has_every_metric_on_every_split(results):
    rows, _ = results
    assert (rows["status"] == "ok").all()
    keys = rows.groupby(["split", "method"])["metric"].apply(tuple)
    bounded = keys.drop("oracle_inputs", level="method")
    assert set(bounded) == {METRICS + INTERVAL_METRICS + QUALITY_METRICS}
    # a bound needs no intervals
    assert set(keys[:, "oracle_inputs"]) == {METRICS + QUALITY_METRICS}
    assert set(keys.index) == {(s, m) for s in ("random", "country") for m in ALL}
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    assert set(rows.loc[rows["split"] == "country", "runs"]) == {1}
    assert set(rows.loc[rows["split"] != "country", "runs"]) == {2}


def test_the_values_are_those_of_the_predictions(results):
    rows, predictions = results
    for (method, split), part in predictions.groupby(["method", "split"]):
        r2 = [
            1 - np.square(run.measured - run.prediction).mean() / run.measured.var(ddof=0)
            for _, run in part.groupby("run")
        ]
        chosen = rows[(rows.method == method) & (rows.split == split) & (rows.metric == "r2")]
        assert chosen["value"].item() == pytest.approx(np.mean(r2), rel=1e-5)
        for _, run in part.groupby("run"):
            assert run["site_id"].is_unique
            assert len(run) == 200


def test_methods_stand_where_what_they_know_puts_them(results):
    rows, _ = results
    r2 = rows[(rows["metric"] == "r2") & (rows["split"] == "random")].set_index("method")["value"]
    assert abs(r2["mean"]) < 0.05
    assert r2["mean"] < r2["gbm"] < r2["gbm_pixels"] < r2["oracle"]
    assert r2["gbm"] < r2["oracle_inputs"] < r2["oracle"]
    assert r2["gbm"] < r2["gbm_geo"]
    assert r2["ridge"] > 0.2


def test_the_oracle_leaves_the_noise_alone(results):
    rows, _ = results
    rmse = rows[(rows["metric"] == "rmse") & (rows["method"] == "oracle")]["value"]
    assert rmse.between(1.7, 2.3).all()  # the made-up noise has an sd of 2


def test_a_second_run_gives_the_same_values(data, results, tmp_path):
    chosen = ("ridge", "gbm", "oracle_inputs")
    config = TWO.model_copy(update={"splits": ("random",), "references": chosen})
    rows, predictions = _run(data, tmp_path, config)

    def same(table):
        kept = table[(table["split"] == "random") & table["method"].isin(chosen)]
        return kept.drop(columns="seconds", errors="ignore").reset_index(drop=True)

    pd.testing.assert_frame_equal(same(rows), same(results[0]))
    pd.testing.assert_frame_equal(same(predictions), same(results[1]))


def _predict(task, name, archive, fold):
    places = task.places
    train = task.training(places, fold, Stations.single(places.lonlat))
    return reference(name, archive).fit(train, seed=0).mean(places.take(fold.test))


def test_copies_of_test_stations_in_training_are_a_leak_that_shows(data):
    # The planted leak: trees that have met a station predict it far better than the truth allows.
    task = read_task(data[0], data[1], "no2")
    labels = random_labels(task.size, 4, 0)
    train, test = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    honest = _predict(task, "gbm", None, Fold(train, test)) - task.target[test]
    copied = Fold(np.r_[train, np.repeat(test, 5)], test)
    leaking = _predict(task, "gbm", None, copied) - task.target[test]
    assert np.square(leaking).mean() < 0.3 * np.square(honest).mean()


OF_IMAGES = (
    "gbm_pixels", "gbm_context", "gbm_context_map", "mosaiks", "ridge_context",
    "ridge_context_map", "stack_without_mmaq",
)  # fmt: skip


def test_without_images_and_truth_their_rows_are_skipped_with_the_reason(tmp_path):
    data = make_data(tmp_path, size=60, absent=("s2", "s5p"))
    rows, predictions = _run(data, tmp_path, archive=False)
    skipped = rows[rows["status"] == "skipped"].groupby("method")["reason"].unique()
    assert {name: list(reason) for name, reason in skipped.items()} == {
        **{name: ["no s2 patches: no images are given"] for name in OF_IMAGES},
        "oracle": ["the truth of these data is not known"],
        "oracle_inputs": ["the truth of these data is not known"],
    }
    assert rows.loc[rows["status"] == "skipped", "value"].isna().all()
    assert set(predictions["method"]) == {
        "mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging", "gbm_context_kriging"
    }  # fmt: skip
    assert set(rows.loc[rows["status"] == "ok", "n_test"]) == {30}


def test_all_methods_share_the_stations_that_have_every_modality(tmp_path):
    data = make_data(tmp_path, size=80, without={"s2": 12, "s5p": 7})
    rows, predictions = _run(data, tmp_path)
    assert (rows["status"] == "ok").all()
    assert (predictions.groupby("method")["site_id"].nunique() == 68).all()


def test_only_skipped_rows_still_make_a_typed_file(tmp_path):
    data = make_data(tmp_path, size=40, absent=("s5p",))
    config = QUICK.model_copy(update={"references": ("gbm_pixels",)})
    rows, predictions = _run(data, tmp_path, config)
    assert set(rows["reason"]) == {"no s5p patches: no images are given"}
    assert len(predictions) == 0
    assert predictions["prediction"].dtype == float


def test_a_split_that_is_not_there_is_skipped(tmp_path, data):
    table = pd.read_parquet(data[0]).assign(country="DE")
    table.to_parquet(tmp_path / "sites.parquet")
    config = QUICK.model_copy(update={"splits": ("country",), "references": ("mean",)})
    rows, _ = _run((tmp_path / "sites.parquet", *data[1:]), tmp_path, config)
    assert set(rows["reason"]) == {"all stations are in one country (DE)"}


def test_matched_folds_test_every_station_in_one_run(tmp_path, data):
    config = TWO.model_copy(update={"splits": ("knndm",), "references": ("ridge",)})
    rows, predictions = _run(data, tmp_path, config)
    assert set(rows["status"]) == {"ok"}
    assert set(rows["runs"]) == {1}
    assert predictions["site_id"].is_unique
    assert len(predictions) == 200
    assert np.isfinite(predictions[["low", "high"]]).all(axis=None)


def test_geography_knows_only_what_the_source_has(data):
    places = read_task(data[0], data[1], "no2").places
    known = np.isfinite(geography(places)).any(axis=0)
    assert known.sum() == 8 + 3  # land use; road distance, longitude, latitude
    assert land_use(places).shape == (200, 8)


def test_too_few_stations_are_an_error_that_leaves_nothing_behind(tmp_path):
    data = make_data(tmp_path, size=30, without={"s2": 25})
    with pytest.raises(TableError, match="5 stations have no2 and every modality"):
        _run(data, tmp_path)
    assert not list(tmp_path.glob("part.*"))


def test_a_missing_store_is_named(tmp_path, data):
    with pytest.raises(StoreError, match=r"store\.json: the file does not exist"):
        _run((data[0], tmp_path / "nowhere", data[2]), tmp_path)


@pytest.mark.slow
def test_real_stations_without_an_image(real_stations, tmp_path, monkeypatch):
    """Their intervals: ``tests/estimators/test_real_intervals.py``."""
    monkeypatch.setattr(intervals, "calibrate", lambda *_, **__: None)
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", TREES)
    config = Evaluate(seeds=(0,), references=("ridge", "gbm", "gbm_geo"), bootstrap=20)
    rows, predictions = _run((*real_stations, None), tmp_path, config, archive=False)
    r2 = rows[rows["metric"] == "r2"].set_index(["split", "method"])["value"]
    assert r2["random", "gbm_geo"] >= 0.72
    assert r2["blocks", "gbm_geo"] >= 0.66
    assert r2["random", "gbm"] == pytest.approx(0.65, abs=0.02)
    assert r2["random", "ridge"] == pytest.approx(0.59, abs=0.02)
    assert predictions.groupby(["split", "method"])["site_id"].nunique().eq(2674).all()
