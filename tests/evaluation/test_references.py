import json

import numpy as np
import pandas as pd
import pytest
from stations_made_up import make_archive, make_data, make_table

from mmaq.base.errors import ArchiveError, StoreError, TableError, Unavailable
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.benchmark import main_rows, read_benchmark
from mmaq.estimators import kriging as geostatistics
from mmaq.estimators.references import reference_entries
from mmaq.evaluate.stage import evaluate_references
from mmaq.evaluate.task import read_task, read_truth
from mmaq.statistics.metrics import INTERVAL_METRICS, METRICS
from mmaq.statistics.splits import Fold, random_labels

ALL = Evaluate().references
QUICK = Evaluate(seeds=(0,), folds=3, bootstrap=100, splits=("random",))
THREE = Evaluate(seeds=(0, 1), folds=2, bootstrap=100, splits=("random", "blocks", "country"))


def _run(data, folder, config=QUICK, archive=True):
    out, predictions = folder / "references.csv", folder / "references.parquet"
    truth = data[2] if archive else None
    evaluate_references(
        sites=data[0],
        store=data[1],
        archive=truth,
        config=config,
        dataset="made_up",
        out=out,
        predictions=predictions,
    )
    rows, table = main_rows(read_benchmark(out)), pd.read_parquet(predictions)
    return rows, table[table["label_fraction"] == 1.0]


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(geostatistics.BOOSTED, "max_iter", 30)
        patch.setattr(geostatistics, "RUNS", 1)
        patch.setattr(geostatistics, "LIKELIHOOD", 100)
        yield


@pytest.fixture(scope="module")
def results(data, tmp_path_factory):
    return _run(data, tmp_path_factory.mktemp("references"), THREE)


def test_every_reference_has_every_metric_on_every_split(results):
    rows, _ = results
    assert (rows["status"] == "ok").all()
    keys = rows.groupby(["split", "method"])["metric"].apply(tuple)
    # three countries are too few to set one apart for calibration
    assert set(keys["country"]) == {METRICS}
    assert set(keys[["random", "blocks"]]) == {METRICS + INTERVAL_METRICS}
    assert set(keys.index) == {(s, m) for s in ("random", "blocks", "country") for m in ALL}
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    assert set(rows.loc[rows["split"] == "country", "runs"]) == {1}
    assert set(rows.loc[rows["split"] != "country", "runs"]) == {2}


def test_the_values_are_those_of_the_predictions(results):
    rows, predictions = results
    for (method, split), part in predictions.groupby(["method", "split"]):
        r2 = [
            1 - np.square(run.measured - run.prediction).mean() / run.measured.var(ddof=0)
            for _, run in part.groupby("seed")
        ]
        chosen = rows[(rows.method == method) & (rows.split == split) & (rows.metric == "r2")]
        assert chosen["value"].item() == pytest.approx(np.mean(r2), rel=1e-5)
        for _, run in part.groupby("seed"):
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
    config = THREE.model_copy(update={"splits": ("random",), "references": chosen})
    rows, predictions = _run(data, tmp_path, config)

    def same(table):
        kept = table[(table["split"] == "random") & table["method"].isin(chosen)]
        return kept.drop(columns="seconds", errors="ignore").reset_index(drop=True)

    pd.testing.assert_frame_equal(same(rows), same(results[0]))
    pd.testing.assert_frame_equal(same(predictions), same(results[1]))


def test_shuffled_labels_teach_nothing(tmp_path):
    shuffled = make_data(tmp_path, size=300, shuffled=True)
    learned = ("mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging", "gbm_pixels", "oracle_inputs")
    rows, _ = _run(shuffled, tmp_path, QUICK.model_copy(update={"references": learned}))
    assert (rows.loc[rows["metric"] == "r2", "high"] < 0.05).all()


def test_test_targets_are_not_read_before_they_are_predicted(data):
    task = read_task(data[0], data[1], "made_up", "no2")
    labels = random_labels(task.size, 4, 0)
    fold = Fold(np.flatnonzero(labels), np.flatnonzero(labels == 0))
    table = task.table.copy()
    table.loc[fold.test, "no2"] = 999.0
    spoiled = type(task)("made_up", table, task.store, "no2")
    for name in ALL:
        if name == "oracle":
            continue
        before = reference_entries(task, data[2])[name].prepare()(fold, 0)
        after = reference_entries(spoiled, data[2])[name].prepare()(fold, 0)
        np.testing.assert_array_equal(before, after)


def test_copies_of_test_stations_in_training_are_a_leak_that_shows(data):
    # The planted leak: trees that have met a station predict it far better than the truth allows.
    task = read_task(data[0], data[1], "made_up", "no2")
    labels = random_labels(task.size, 4, 0)
    train, test = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    predict = reference_entries(task, data[2])["gbm"].prepare()
    honest = predict(Fold(train, test), 0) - task.target[test]
    leaking = predict(Fold(np.r_[train, np.repeat(test, 5)], test), 0) - task.target[test]
    assert np.square(leaking).mean() < 0.3 * np.square(honest).mean()


def test_without_images_and_truth_their_rows_are_skipped_with_the_reason(tmp_path):
    data = make_data(tmp_path, size=60, absent=("s2", "s5p"))
    rows, predictions = _run(data, tmp_path, archive=False)
    skipped = rows[rows["status"] == "skipped"].groupby("method")["reason"].unique()
    assert {name: list(reason) for name, reason in skipped.items()} == {
        "gbm_pixels": ["no s2 patches: no images are given"],
        "oracle": ["the truth of these data is not known"],
        "oracle_inputs": ["the truth of these data is not known"],
    }
    assert rows.loc[rows["status"] == "skipped", "value"].isna().all()
    assert set(predictions["method"]) == {"mean", "ridge", "gbm", "gbm_geo", "gbm_geo_kriging"}
    assert set(rows.loc[rows["status"] == "ok", "n_test"]) == {20}


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


def test_geography_takes_only_columns_that_the_source_has(data):
    task = read_task(data[0], data[1], "made_up", "no2")
    assert task.geography.shape == (200, 3)  # road distance, longitude, latitude
    assert task.features.shape == (200, 8)


def test_too_few_stations_are_an_error_that_leaves_nothing_behind(tmp_path):
    data = make_data(tmp_path, size=30, without={"s2": 25})
    with pytest.raises(TableError, match="5 stations have no2 and every modality"):
        _run(data, tmp_path)
    assert not list(tmp_path.glob("references.*"))


def test_a_missing_store_is_named(tmp_path, data):
    with pytest.raises(StoreError, match=r"store\.json: the file does not exist"):
        _run((data[0], tmp_path / "nowhere", data[2]), tmp_path)


@pytest.fixture
def archive(tmp_path):
    rng = np.random.default_rng(8)
    table, hidden, truth = make_table(20, rng)
    return make_archive(tmp_path / "archive", table, hidden, truth, rng), table


def _replace(archive, change):
    """Change the table of the truth and its checksum with it."""
    from mmaq.base.files import sha256

    path = archive / "truth" / "truth" / "stations.parquet"
    item = path.with_name("truth.json")
    changed = change(pd.read_parquet(path))
    path.write_bytes(changed if isinstance(changed, bytes) else changed.to_parquet())
    about = json.loads(item.read_text())
    about["assets"]["stations"]["file:sha256"] = sha256(path)
    item.write_text(json.dumps(about))


def test_the_truth_is_in_the_order_of_the_stations(archive):
    folder, table = archive
    values = read_truth(folder, table["site_id"].to_numpy())
    np.testing.assert_allclose(values["input_lon"], table["lon"])
    assert values.columns[0] == "no2_true"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda table: table.drop(columns="no2_true"), "column 'no2_true' is missing"),
        (lambda table: table[["site_id", "no2_true"]], "no column begins with 'input_'"),
        (lambda table: table.iloc[1:], "is not in it"),
        (lambda table: b"not parquet", "not a Parquet file"),
    ],
)
def test_a_broken_truth_is_named(archive, change, fault):
    folder, table = archive
    _replace(folder, change)
    with pytest.raises(ArchiveError, match=fault):
        read_truth(folder, table["site_id"].to_numpy())


def test_a_truth_that_was_changed_after_cataloguing_is_refused(archive):
    folder, table = archive
    path = folder / "truth" / "truth" / "stations.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(ArchiveError, match="checksum differs"):
        read_truth(folder, table["site_id"].to_numpy())


def test_real_data_have_no_truth(tmp_path):
    with pytest.raises(Unavailable, match="truth of these data is not known"):
        read_truth(tmp_path, np.array(["a"]))


@pytest.mark.slow
def test_real_stations_without_an_image(real_stations, tmp_path):
    config = Evaluate(seeds=(0,), references=("mean", "ridge", "gbm", "gbm_geo", "gbm_pixels"))
    rows, predictions = _run((*real_stations, None), tmp_path, config, archive=False)
    r2 = rows[rows["metric"] == "r2"].set_index(["split", "method"])["value"]
    assert r2["random", "gbm_geo"] >= 0.72
    assert r2["blocks", "gbm_geo"] >= 0.66
    assert r2["random", "gbm"] == pytest.approx(0.65, abs=0.02)
    assert r2["random", "ridge"] == pytest.approx(0.59, abs=0.02)
    assert rows.loc[rows["method"] == "gbm_pixels", "status"].eq("skipped").all()
    assert predictions.groupby(["split", "method"])["site_id"].nunique().eq(2674).all()
