from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from mmaq.config.evaluation import Finetune
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.learn.checkpoint import random_encoders
from mmaq.learn.data import compute_statistics, load_inputs
from mmaq.learn.embed import embed
from mmaq.learn.fit import Reads
from mmaq.learn.networks import Regressor, finetune, standardise, start_at_probe
from mmaq.statistics.ridge import PENALTIES, fit_ridge, join_scaling
from tests.learn.training_country import TINY, make_country

CONFIG = Finetune(epochs=2, batch_size=16)
ROWS, AFTER = slice(0, 70), slice(70, 90)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    store, path = make_country(tmp_path_factory.mktemp("stations"), 90, 0)
    sites = read_sites(path)
    inputs = load_inputs(open_store(store), sites)
    statistics = compute_statistics(inputs)
    encoders = random_encoders(TINY, 0).train()
    # Give batch norm the statistics of these sites, as pretraining would.
    for _ in range(20):
        for name in encoders:
            encoders[name](inputs.standardised(name, torch.arange(90), statistics))
    return encoders.eval(), statistics, inputs, sites["no2"].to_numpy()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """What is predicted fills a batch up: of 32 stations, as no test asks for so many as 256."""
    monkeypatch.setattr("mmaq.learn.embed.BATCH", 32)


def learn(setting, modalities=("s2", "s5p"), config=CONFIG, seed=0, train=slice(0, 70)):
    encoders, statistics, inputs, no2 = setting
    rows = np.arange(90)[train]
    return finetune(encoders, statistics, inputs.take(rows), no2[rows], modalities, config, seed)


def run(setting, *given, **more):
    """Predictions of the last 20 stations."""
    return learn(setting, *given, **more).predict(setting[2], np.arange(70, 90))


@pytest.mark.parametrize("modalities", [("s2", "s5p"), ("s2",), ("s2", "s5p", "table")])
def test_learns_what_the_pixels_know(setting, modalities):
    truth = setting[3][70:]
    found = run(setting, modalities)
    assert found.shape == (20,)
    assert found.dtype == np.float64
    error = np.square(found - truth).mean()
    assert error < 0.5 * np.square(setting[3][:70].mean() - truth).mean()


def test_same_seed_same_values_and_encoders_unchanged(setting):
    before = {name: value.clone() for name, value in setting[0].state_dict().items()}
    one, same, other = (run(setting, ("s5p",), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    for name, value in setting[0].state_dict().items():
        assert torch.equal(value, before[name])
    assert all(parameter.grad is None for parameter in setting[0].parameters())


def test_predictions_follow_the_unit_of_the_target(setting):
    encoders, statistics, inputs, no2 = setting
    scaled = run((encoders, statistics, inputs, 100 * no2 + 7), ("s5p",))
    np.testing.assert_allclose(scaled, 100 * run(setting, ("s5p",)) + 7, rtol=1e-2)


def test_a_prediction_does_not_depend_on_what_is_asked_beside_it(setting):
    trained = learn(setting, ("s5p",))
    few = trained.predict(setting[2], np.arange(70, 75))
    np.testing.assert_array_equal(few, trained.predict(setting[2], np.arange(70, 90))[:5])
    np.testing.assert_array_equal(
        few, trained.predict(setting[2].take(np.arange(70, 75)), range(5))
    )


def test_starts_at_the_probe(setting):
    encoders, statistics, inputs, no2 = setting
    frozen = Finetune(epochs=1, learning_rate=1e-12, weight_decay=0)
    features = embed(encoders, statistics, inputs, ("s2",))["s2"].astype(float)
    train, test = features[:70], features[70:]
    mean, sd = train.mean(0), train.std(0).clip(1e-6)
    target = (no2[:70] - no2[:70].mean()) / no2[:70].std()
    weights, intercept = fit_ridge((train - mean) / sd, target)
    expected = ((test - mean) / sd) @ weights + intercept
    expected = expected * no2[:70].std() + no2[:70].mean()
    trained = learn(setting, ("s2",), frozen)
    reads = Reads(inputs, statistics, encoders.config, ("s2",))
    with torch.no_grad():
        found = trained.model(reads.load(torch.arange(70, 90)))  # as they lie: no orientation
    np.testing.assert_allclose(trained.scale.up(found), expected, rtol=1e-3)


def learn_beside(setting, auxiliary, config):
    encoders, statistics, inputs, no2 = setting
    return finetune(
        encoders, statistics, inputs.take(np.arange(70)), no2[:70], ("s5p",), config, 0,
        auxiliary[:70],
    )  # fmt: skip


def test_with_auxiliary_features_it_starts_at_the_probe_of_both(setting):
    encoders, statistics, inputs, no2 = setting
    # The third says nothing, and is missing at half of the stations.
    auxiliary = np.random.default_rng(0).normal(50.0, 3.0, (90, 3))
    auxiliary[:, 0] += no2
    auxiliary[::2, 2] = np.nan
    frozen = Finetune(epochs=1, learning_rate=1e-12, weight_decay=0)
    trained = learn_beside(setting, auxiliary, frozen)
    embedded = embed(encoders, statistics, inputs, ("s5p",))["s5p"].astype(float)
    blocks = [embedded[:70], auxiliary[:70]]
    scaling = join_scaling(blocks)
    train, test = (scaling.apply(np.hstack([embedded, auxiliary])[part]) for part in (ROWS, AFTER))
    train_mean = train.mean(axis=0)
    weights, intercept = fit_ridge(train - train_mean, no2[:70])
    expected = (test - train_mean) @ weights + intercept
    reads = Reads(
        inputs, statistics, encoders.config, ("s5p",),
        standardise(trained.scaling, auxiliary, torch.device("cpu")),
    )  # fmt: skip
    with torch.no_grad():
        found = trained.model(reads.load(torch.arange(70, 90)))
    np.testing.assert_allclose(trained.scale.up(found), expected, atol=0.01 * no2.std(), rtol=0)


def test_what_the_auxiliary_features_know_is_learned(setting):
    no2 = setting[3]
    rng = np.random.default_rng(1)
    auxiliary = np.column_stack([no2 + rng.normal(0, 0.1, 90), rng.normal(0, 1, 90)])
    trained = learn_beside(setting, auxiliary, CONFIG)
    found = trained.predict(setting[2], np.arange(70, 90), auxiliary)
    assert np.square(found - no2[70:]).mean() < 0.1 * no2[70:].var()


def test_a_place_far_from_all_stations_is_cut_to_four_deviations(setting):
    auxiliary = np.random.default_rng(2).normal(0, 1, (90, 2))
    trained = learn_beside(setting, auxiliary, CONFIG)
    far, farther = (np.where(np.arange(90)[:, None] >= 0, value, auxiliary) for value in (50, 5000))
    expected = trained.predict(setting[2], np.arange(70, 75), far)
    np.testing.assert_array_equal(trained.predict(setting[2], np.arange(70, 75), farther), expected)
    assert standardise(trained.scaling, np.full((1, 2), np.nan), torch.device("cpu")).eq(0).all()


def test_regressor_copies_its_encoders(setting):
    model = Regressor(setting[0], ("s2",))
    assert model.encoders["s2"] is not setting[0]["s2"]
    with torch.no_grad():
        start_at_probe(model, torch.randn(20, 512), torch.randn(20), None)
    assert torch.isfinite(model.head.weight).all()


def test_ridge_equals_scikit_learn():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40, 60))
    features -= features.mean(0)
    target = features[:, 0] - 2 * features[:, 1] + rng.normal(0, 1, 40) + 5
    weights, intercept = fit_ridge(features, target)
    errors = [
        np.square(
            target - cross_val_predict(Ridge(alpha=penalty), features, target, cv=LeaveOneOut())
        ).mean()
        for penalty in PENALTIES[::4]
    ]
    assert intercept == pytest.approx(target.mean())
    norms = [
        np.linalg.norm(Ridge(alpha=p).fit(features, target).coef_ - weights) for p in PENALTIES
    ]
    chosen = int(np.argmin(norms))
    assert norms[chosen] < 1e-8
    assert abs(chosen - 4 * int(np.argmin(errors))) <= 4


def test_ridge_on_a_constant_target_and_features():
    weights, intercept = fit_ridge(np.zeros((10, 3)), np.full(10, 4.0))
    assert not weights.any()
    assert intercept == 4.0
