"""Supervised training from random weights."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch

from mmaq.config.evaluation import Supervised
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.learn.data import load_inputs
from mmaq.learn.fit import Reads, Scale
from mmaq.learn.networks import NETWORKS, from_scratch, train_supervised
from tests.learn.training_country import SMALL, make_country

QUICK = Supervised(epochs=1, batch_size=16)
ROWS = np.arange(90)
TRAIN, TEST = ROWS[:70], ROWS[70:]
EVERY = {
    **NETWORKS,
    "s2+s5p": from_scratch(("s2", "s5p")),
    "s2": from_scratch(("s2",)),
    "s5p": from_scratch(("s5p",)),
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    store, path = make_country(tmp_path_factory.mktemp("stations"), 90, 0)
    sites = read_sites(path)
    return load_inputs(open_store(store), sites), sites["no2"].to_numpy()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """What is predicted fills a batch up: of 32 stations, as no test asks for so many as 256."""
    monkeypatch.setattr("mmaq.learn.embed.BATCH", 32)


def learn(setting, name="s5p", config=QUICK, seed=0, train=TRAIN):
    inputs, no2 = setting
    return train_supervised(EVERY[name], SMALL, inputs.take(train), no2[train], config, seed)


def run(setting, *given, test=TEST, **more):
    """Predictions of the test stations."""
    return learn(setting, *given, **more).predict(setting[0], test)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NETWORKS, "s5p"])
def test_learns_what_the_pixels_know(setting, name):
    truth = setting[1][TEST]
    epochs = 20 if name in ("aqnet", "s5p") else 10
    found = run(setting, name, Supervised(epochs=epochs, batch_size=8))
    assert found.shape == (20,)
    assert found.dtype == np.float64
    error = np.square(found - truth).mean()
    assert error < 0.5 * np.square(setting[1][TRAIN].mean() - truth).mean()


def test_a_prediction_stays_within_what_was_measured(setting):
    """However far the network goes: here it is a thousand times too steep."""
    trained = learn(setting, "aqnet")
    least, most = trained.known
    assert (least, most) == (setting[1][TRAIN].min(), setting[1][TRAIN].max())
    steep = replace(trained, scale=replace(trained.scale, spread=1e3 * trained.scale.spread))
    free = replace(steep, known=np.array([-np.inf, np.inf])).predict(setting[0], TEST)
    assert (np.abs(free - trained.scale.centre) > most - least).any()
    np.testing.assert_array_equal(steep.predict(setting[0], TEST), np.clip(free, least, most))


@pytest.mark.parametrize(("name", "taken"), [("aqnet", "float32"), ("s5p", "auto")])
def test_auto_is_float32_where_bf16_is_slow(setting, monkeypatch, name, taken):
    asked = []
    record = lambda precision, _: asked.append(precision) or nullcontext()  # noqa: E731
    monkeypatch.setattr("mmaq.learn.fit.computing_in", record)
    learn(setting, name)
    assert set(asked) == {taken}


def test_from_scratch_the_head_ignores_auxiliary_features_at_first(setting):
    """Such features are many; what they say is learned in the first steps."""
    model = EVERY["s5p"].make(SMALL, 1, 5)
    width = len(model.mean)
    assert model.head.weight[:, :width].abs().min() > 0
    assert not model.head.weight[:, width:].any()
    inputs, no2 = setting
    beside = np.column_stack([no2, np.arange(90.0)])
    config = Supervised(epochs=4, batch_size=8, learning_rate=0.02)
    trained = train_supervised(
        EVERY["s5p"], SMALL, inputs.take(TRAIN), no2[TRAIN], config, 0, beside[TRAIN]
    )
    known, other = (
        trained.predict(inputs, TEST, auxiliary) for auxiliary in (beside, beside[::-1])
    )
    assert np.corrcoef(known, no2[TEST])[0, 1] > np.corrcoef(other, no2[TEST])[0, 1]


def test_labels_that_say_nothing_teach_nothing(setting):
    inputs, no2 = setting
    constant = np.full_like(no2, 12.0)
    found = run((inputs, constant), config=Supervised(epochs=20, batch_size=8))
    np.testing.assert_allclose(found, 12.0, atol=0.3)


@pytest.mark.parametrize("name", ["aqnet", "s5p"])
def test_same_seed_same_values(setting, name):
    """Weights, dropout, order and augmentation come from the seed alone."""
    state = torch.random.get_rng_state()
    two_batches = {"name": name, "train": TRAIN[:32]}
    one = run(setting, **two_batches, seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(5)
    assert np.array_equal(run(setting, **two_batches, seed=1), one)
    assert not np.array_equal(run(setting, **two_batches, seed=2), one)


def test_test_stations_do_not_change_what_is_learned(setting):
    """Neither their number, nor their labels, nor their pixels, through any statistic."""
    inputs, no2 = setting
    expected = run(setting)
    np.testing.assert_allclose(run(setting, test=TEST[:5]), expected[:5], rtol=1e-5)
    other = no2.copy()
    other[TEST] = 999.0
    assert np.array_equal(run((inputs, other)), expected)
    brighter = {**inputs.pixels, "s5p": inputs.pixels["s5p"].clone()}
    brighter["s5p"][inputs.rows["s5p"][TEST[5:]]] += 1.0
    changed = run((replace(inputs, pixels=brighter), no2))
    np.testing.assert_allclose(changed[:5], expected[:5], rtol=1e-5)
    assert not np.allclose(changed[5:], expected[5:])


def test_missing_table_values_are_read_as_missing(setting):
    inputs, no2 = setting
    holes = inputs.table.clone()
    holes[::3, 0] = torch.nan
    holes[1::3, 5:8] = torch.nan
    found = run((replace(inputs, table=holes), no2), "aqnet")
    assert np.isfinite(found).all()
    assert not np.array_equal(found, run(setting, "aqnet"))
    nothing = torch.full_like(inputs.table, torch.nan)
    assert np.isfinite(run((replace(inputs, table=nothing), no2), "aqnet")).all()


@pytest.mark.parametrize("count", [2, 15, 17, 33])
def test_no_batch_is_too_small_for_batch_norm(setting, count):
    """A remainder of one station would stop a network whose last layers see one pixel."""
    assert np.isfinite(run(setting, "s2", train=TRAIN[:count])).all()


def test_predictions_follow_the_unit_of_the_target(setting):
    inputs, no2 = setting
    scaled = run((inputs, 100 * no2 + 7))
    np.testing.assert_allclose(scaled, 100 * run(setting) + 7, rtol=1e-2)


def test_a_model_is_left_in_evaluation_mode(setting):
    assert not any(module.training for module in learn(setting, "aqnet").model.modules())


def test_a_scale_goes_there_and_back():
    target = np.array([3.0, 9.0, 30.0])
    scale = Scale.of(target)
    down = scale.down(target)
    assert down.mean().item() == pytest.approx(0.0, abs=1e-6)
    assert down.std(correction=0).item() == pytest.approx(1.0)
    np.testing.assert_allclose(scale.up(down), target, rtol=1e-6)
    assert Scale.of(np.full(3, 4.0)) == Scale(4.0, 1.0)


def test_several_targets_are_scaled_each_by_itself_and_come_back_in_their_units(setting):
    inputs, no2 = setting
    both = np.column_stack([np.full_like(no2, 12.0), np.full_like(no2, 3000.0)])
    found = run((inputs, both), "aqnet")
    assert found.shape == (20, 2)
    # constant targets keep their unit, so that what is left is the network's own, of order 1
    np.testing.assert_allclose(found, both[TEST], atol=5.0)
    scale = Scale.of(np.column_stack([[1.0, 3.0], [10.0, 50.0]]))
    assert (scale.centre.tolist(), scale.spread.tolist()) == ([2.0, 30.0], [1.0, 20.0])


@pytest.mark.parametrize("target", [[1.0, 4.0], [[1.0, 10.0], [3.0, 50.0]]])
def test_a_scale_comes_back_from_json_as_it_was(target):
    scale = Scale.of(np.array(target))
    again = Scale.from_dict(json.loads(json.dumps(scale.to_dict())))
    values = torch.rand(3, *np.shape(scale.centre))
    np.testing.assert_array_equal(again.up(values), scale.up(values))


def test_batch_norm_is_measured_with_the_final_weights(setting):
    """A rate of nothing leaves the weights; the statistics are those of the stations."""
    trained = learn(setting, "s2", Supervised(epochs=1, batch_size=70, learning_rate=1e-12))
    norms = [each for each in trained.model.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    reads = Reads(setting[0].take(TRAIN), trained.statistics, SMALL, ("s2",))
    seen = []
    handle = norms[0].register_forward_hook(lambda _, given, __: seen.append(given[0]))
    with torch.no_grad():
        trained.model(reads.load(torch.arange(len(TRAIN))))
    handle.remove()
    torch.testing.assert_close(
        norms[0].running_mean, seen[0].mean(dim=(0, 2, 3)), rtol=0.05, atol=0.02
    )
