"""Planted leaks: the check made for each finds it, and passes on every reference and probe."""

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from mmaq.base.errors import LeakError, Unavailable
from mmaq.config.evaluation import Evaluate, Finetune
from mmaq.contracts.sites import SITING
from mmaq.estimators import trees
from mmaq.estimators.base import Estimator, Fitted, Places
from mmaq.estimators.catalogue import fine_tuned, mixed, probes, reference
from mmaq.estimators.encoders import Pretrained
from mmaq.estimators.features import EVERYTHING, geography, land_use, land_use_logarithmic
from mmaq.evaluate.checks import (
    NULL_R2,
    change_inputs,
    change_labels,
    check_blind,
    check_measured,
    check_null,
    shuffle_labels,
)
from mmaq.evaluate.predictions import predict_folds
from mmaq.evaluate.task import Task, read_task
from mmaq.statistics.ridge import fit_ridge
from mmaq.statistics.splits import outer_folds, related
from mmaq.vocabulary import MIXES, Tuned
from tests.estimators.stations_made_up import make_data

CONFIG = Evaluate(seeds=(0,), folds=3, bootstrap=200, splits=("random",), label_fractions=(0.5,))
REFERENCES = CONFIG.references
BRIEF = Finetune(epochs=1)
HEADS = ("linear", "fused", "fused_all", "sgd_probe", "knn")
PROBES = (
    "linear s2+s5p 1", "fused s2+s5p+table 1", f"fused_all {EVERYTHING} 1",
    "sgd_probe s2+s5p 1", "knn s2+s5p 1",
    "linear s2 1", "linear s5p 1", "linear s2+s5p 0.5",
)  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("leaks"), size=240, seed=3)


@pytest.fixture(scope="module")
def task(paths):
    found = read_task(paths[0], paths[1], "no2")
    metres = np.random.default_rng(0).uniform(1.0, 30.0, (found.size, len(SITING)))
    return replace(found, table=found.table.assign(**dict(zip(SITING, metres.T, strict=True))))


@pytest.fixture(scope="module")
def fold(task):
    stations = related(task.table, "random", task.copies, 0.0, 1.0)
    return outer_folds(task.table, "random", 3, stations, 0)[0]


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    """What leaks does so from the first tree on."""
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", 20)
    monkeypatch.setattr(trees, "ENSEMBLE", 1)


def _probes(checkpoint):
    """The probes of untrained encoders by what the table calls them."""
    encoder = Pretrained("random_init", checkpoint)
    found = probes(encoder, HEADS, CONFIG.label_fractions, False)
    return {f"{each.protocol} {each.modalities} {each.label_fraction:g}": each for each in found}


@pytest.fixture(params=[*REFERENCES, *PROBES, *MIXES, *get_args(Tuned)])
def estimator(request, paths, checkpoint):
    """The estimator of a name."""
    if request.param in REFERENCES:
        return reference(request.param, paths[2])
    if request.param in MIXES:
        return mixed(request.param, Pretrained("mmaq", checkpoint))
    if request.param in get_args(Tuned):
        return fine_tuned(Pretrained("mmaq", checkpoint), request.param, BRIEF, False)
    return _probes(checkpoint)[request.param]


def test_what_is_measured_looks_at_training_stations_alone(estimator, task, fold):
    check_blind(estimator, task, fold, 0)


def test_with_shuffled_labels_nothing_is_learnt(estimator, task):
    assert check_null(shuffle_labels(task, 0), estimator, "random", CONFIG) < NULL_R2


def test_the_probes_here_are_all_that_there_are(checkpoint):
    assert set(_probes(checkpoint)) == set(PROBES)


class Indiscreet(Task):
    """A task whose places have not forgotten their labels."""

    @property
    def places(self):
        return Places(self.table, self.store)


@pytest.fixture
def indiscreet(task):
    return Indiscreet(task.table, task.store, task.pollutant)


@dataclass(frozen=True)
class Leaking(Fitted):
    """Asks ``answer`` for the concentration at places."""

    answer: object

    def mean(self, places):
        return self.answer(places)

    def state(self):
        raise Unavailable("it is not kept")

    @classmethod
    def from_state(cls, about, arrays):
        raise Unavailable("it is not kept")


@dataclass(frozen=True)
class Leak(Estimator):
    """An estimator that looks where it should not; ``learn`` takes the training stations."""

    method: str = "ridge"
    learn: object = None

    def fit(self, train, *, seed):
        return Leaking(self.learn(train))


def _standardised_over_all(train):
    everything = land_use_logarithmic(train.places.whole)
    centre, spread = everything.mean(axis=0), everything.std(axis=0)
    features = (land_use_logarithmic(train.places) - centre) / spread
    within = features.mean(axis=0)
    weights, intercept = fit_ridge(features - within, train.target)
    return lambda places: (
        ((land_use_logarithmic(places) - centre) / spread - within) @ weights + intercept
    )


def _mean_of_the_tested(train):
    return lambda places: np.full(len(places), places.table["no2"].mean())


def _nearest_of_all(train):
    whole = train.places.whole
    index = NearestNeighbors(n_neighbors=1).fit(whole.lonlat)
    labels = whole.table["no2"].to_numpy()
    return lambda places: labels[index.kneighbors(places.lonlat)[1][:, 0]]


def test_statistics_from_the_test_part_are_found(task, fold):
    with pytest.raises(LeakError, match="ridge, reference: inputs of other test stations move"):
        check_blind(Leak(learn=_standardised_over_all), task, fold, 0)


@pytest.mark.parametrize("leak", [_mean_of_the_tested, _nearest_of_all])
def test_labels_from_the_test_part_are_found(indiscreet, fold, leak):
    with pytest.raises(LeakError, match="labels of test stations move its predictions"):
        check_blind(Leak(learn=leak), indiscreet, fold, 0)


def test_what_knows_the_labels_of_test_stations_is_found_by_shuffling_them(indiscreet):
    shuffled = shuffle_labels(indiscreet, 0)
    with pytest.raises(LeakError, match=r"R2 may be 1\.000 with labels shuffled among stations"):
        check_null(shuffled, Leak(learn=_nearest_of_all), "random", CONFIG)


def test_a_place_does_not_know_its_label(task):
    assert {"no2", "o3", "official_test"}.isdisjoint(task.places.table)


def test_a_leak_of_missing_predictions_is_no_pass(task, fold):
    missing = Leak(learn=lambda train: lambda places: np.full(len(places), np.nan))
    with pytest.raises(LeakError):
        check_blind(missing, task, fold, 0)


def test_shuffled_labels_beside_predictions_are_found(task):
    sound = predict_folds(task, task.places, [reference("mean")], "random", CONFIG).table
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
        lambda task: land_use(task.places), lambda task: np.nan_to_num(geography(task.places)),
        lambda task: task.store.s2[task.places.patch_rows("s2")],
        lambda task: task.store.s5p[task.places.patch_rows("s5p")],
    ):  # fmt: skip
        np.testing.assert_array_equal(get(inputs)[rest], get(task)[rest])
        assert (get(inputs)[some] != get(task)[some]).reshape(3, -1).any(axis=1).all()
    np.testing.assert_array_equal(inputs.target, task.target)
