"""Planted leaks: the check made for each finds it, and passes on every reference and probe."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors
from stations_made_up import make_data

from mmaq.base.errors import LeakError
from mmaq.config.evaluation import Evaluate
from mmaq.contracts.sites import SITING
from mmaq.estimators import kriging as geostatistics
from mmaq.estimators import references
from mmaq.estimators.embedding_trees import embedding_entry
from mmaq.estimators.entry import Entry
from mmaq.estimators.probes import probe_entries
from mmaq.estimators.references import reference_entries
from mmaq.evaluate.checks import (
    NULL_R2,
    change_inputs,
    change_labels,
    check_blind,
    check_measured,
    check_null,
    shuffle_labels,
)
from mmaq.evaluate.measure import predict_folds
from mmaq.evaluate.task import read_task
from mmaq.statistics.ridge import predict_ridge, standardise
from mmaq.statistics.splits import make_folds

CONFIG = Evaluate(seeds=(0,), folds=3, bootstrap=200, splits=("random",), label_fractions=(0.5,))
REFERENCES = CONFIG.references
PROBES = (
    "linear s2+s5p 1", "fused s2+s5p+table 1", "sgd_probe s2+s5p 1", "knn s2+s5p 1",
    "linear s2 1", "linear s5p 1", "linear s2+s5p 0.5",
)  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("leaks"), size=240, seed=3)


@pytest.fixture(scope="module")
def task(paths):
    found = read_task(paths[0], paths[1], "made_up", "no2")
    metres = np.random.default_rng(0).uniform(1.0, 30.0, (found.size, len(SITING)))
    return replace(found, table=found.table.assign(**dict(zip(SITING, metres.T, strict=True))))


@pytest.fixture(scope="module")
def fold(task):
    return make_folds(task.table, "random", 3, 0.0, 0)[0]


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    """What leaks does so from the first tree on."""
    for settings in (references.BOOSTING, geostatistics.BOOSTED):
        monkeypatch.setitem(settings, "max_iter", 20)
    monkeypatch.setitem(references.FOREST, "n_estimators", 20)
    monkeypatch.setattr(references, "ENSEMBLE", 1)
    monkeypatch.setattr(geostatistics, "RUNS", 1)


@pytest.fixture(params=[*REFERENCES, *PROBES, "gbm_embedding"])
def make(request, paths, checkpoint):
    """Makes the entry of a name on any task."""
    if request.param in REFERENCES:
        return lambda task: reference_entries(task, paths[2])[request.param]
    if request.param == "gbm_embedding":
        return lambda task: embedding_entry(task, checkpoint, "mmaq", (0,))

    def probe(task):
        head = request.param.split()[0]
        config = CONFIG.model_copy(update={"heads": (head,)})
        for entry in probe_entries(task, checkpoint, "random_init", config):
            if f"{entry.protocol} {entry.modalities} {entry.label_fraction:g}" == request.param:
                return entry
        raise AssertionError(request.param)

    return probe


def test_what_is_measured_looks_at_training_stations_alone(make, task, fold):
    check_blind(make, task, fold, 0)


def test_with_shuffled_labels_nothing_is_learnt(make, task):
    shuffled = shuffle_labels(task, 0)
    assert check_null(shuffled, make(shuffled), "random", CONFIG) < NULL_R2


def test_the_probes_here_are_all_that_there_are(task, checkpoint):
    found = probe_entries(task, checkpoint, "random_init", CONFIG)
    assert {f"{e.protocol} {e.modalities} {e.label_fraction:g}" for e in found} == set(PROBES)


def _leaking(prepare):
    """Makes entries that look where they should not; ``prepare`` takes the task."""
    return lambda task: Entry("ridge", "reference", "table", lambda: prepare(task))


def _standardised_over_all(task):
    features = standardise(task.features, np.arange(task.size))
    return lambda fold, seed: predict_ridge(features, task.target, fold.train, fold.test)


def _mean_of_the_tested(task):
    return lambda fold, seed: np.full(len(fold.test), task.target[fold.test].mean())


def _nearest_of_all(task):
    places = task.places
    index = NearestNeighbors(n_neighbors=1).fit(places)
    return lambda fold, seed: task.target[index.kneighbors(places[fold.test])[1][:, 0]]


def test_statistics_from_the_test_part_are_found(task, fold):
    with pytest.raises(LeakError, match="ridge, reference: inputs of other test stations move"):
        check_blind(_leaking(_standardised_over_all), task, fold, 0)


@pytest.mark.parametrize("leak", [_mean_of_the_tested, _nearest_of_all])
def test_labels_from_the_test_part_are_found(task, fold, leak):
    with pytest.raises(LeakError, match="labels of test stations move its predictions"):
        check_blind(_leaking(leak), task, fold, 0)


def test_what_knows_the_labels_of_test_stations_is_found_by_shuffling_them(task):
    shuffled = shuffle_labels(task, 0)
    with pytest.raises(LeakError, match=r"R2 may be 1\.000 with labels shuffled among stations"):
        check_null(shuffled, _leaking(_nearest_of_all)(shuffled), "random", CONFIG)


def test_a_leak_of_missing_predictions_is_no_pass(task, fold):
    missing = _leaking(lambda task: lambda fold, seed: np.full(len(fold.test), np.nan))
    with pytest.raises(LeakError):
        check_blind(missing, task, fold, 0)


def test_shuffled_labels_beside_predictions_are_found(task):
    entry = reference_entries(task, None)["mean"]
    sound = predict_folds(task, entry, "random", CONFIG, False).table
    check_measured(sound, task.table)
    measured = sound["measured"].to_numpy().copy()
    measured[[4, 5]] = measured[[5, 4]]
    fault = f"{sound['site_id'][4]!r} measured {sound['measured'][4]:g}"
    with pytest.raises(LeakError, match=f"no2: station {fault}"):
        check_measured(sound.assign(measured=measured), task.table)
    with pytest.raises(LeakError, match="measured nan"):
        check_measured(sound, task.table[task.table["site_id"] != sound["site_id"][7]])


def test_what_the_checks_change_is_what_they_say(task):
    some = np.array([3, 8, 20])
    rest = np.setdiff1d(np.arange(task.size), some)
    shuffled = shuffle_labels(task, 0)
    assert sorted(shuffled.target) == sorted(task.target)
    assert (shuffled.target != task.target).mean() > 0.9
    labels = change_labels(task, some)
    assert (np.abs(labels.target - task.target)[some] > 300).all()
    np.testing.assert_array_equal(labels.target[rest], task.target[rest])
    inputs = change_inputs(task, some)
    for get in (
        lambda task: task.features, lambda task: task.geography,
        lambda task: task.store.s2[task.rows("s2")], lambda task: task.store.s5p[task.rows("s5p")],
    ):  # fmt: skip
        np.testing.assert_array_equal(get(inputs)[rest], get(task)[rest])
        assert (get(inputs)[some] != get(task)[some]).reshape(3, -1).any(axis=1).all()
    np.testing.assert_array_equal(inputs.target, task.target)
