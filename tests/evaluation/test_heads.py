"""Heads of the probes against independent references, and which probes an encoder has."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneOut
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from mmaq.config.evaluation import Evaluate
from mmaq.config.parts import checkpoint_of
from mmaq.estimators.probes import (
    BATCH,
    EPOCHS,
    MOMENTUM,
    NEIGHBOURS,
    RATE,
    descend,
    neighbours_probe,
    probe_entries,
    ridge_probe,
    sgd_probe,
)
from mmaq.evaluate.task import read_task
from mmaq.statistics.ridge import PENALTIES, standardise
from mmaq.statistics.splits import FEWEST, Fold, labelled
from mmaq.vocabulary import Head

FOLD = Fold(np.arange(90), np.arange(90, 120))


@pytest.fixture
def example():
    """Embeddings (120, 12) of which three columns and their product make the target."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(120, 12)) * rng.lognormal(0, 1, 12) + rng.normal(size=12)
    scaled = standardise(values, np.arange(120))
    return values, 20 + 4 * scaled[:, 0] - 3 * scaled[:, 4] + scaled[:, 0] * scaled[:, 1]


def test_sgd_is_that_of_torch(example):
    values, target = (torch.from_numpy(part).float() for part in example)
    head = torch.nn.Linear(12, 1)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    optimiser = torch.optim.SGD(head.parameters(), RATE, MOMENTUM)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    generator = torch.Generator().manual_seed(7)
    for _ in range(EPOCHS):
        for part in torch.randperm(120, generator=generator).split(BATCH):
            optimiser.zero_grad()
            (head(values[part])[:, 0] - target[part]).square().mean().backward()
            optimiser.step()
        schedule.step()
    weights, bias = descend(values, target, 7)
    torch.testing.assert_close(weights, head.weight.detach()[0])
    torch.testing.assert_close(bias, head.bias.detach()[0])


def test_the_papers_rate_is_taken():
    # README: rate 0.2 for 256, batches of 128, and a loss of 1e-3 times the squared error.
    assert pytest.approx(0.2 * 128 / 256 * 1e-3) == RATE


def test_sgd_stands_between_the_mean_and_ridge(example):
    values, target = example
    left = {
        name: np.square(head({0: [values]}, target)(FOLD, 0) - target[FOLD.test]).mean()
        for name, head in {"sgd": sgd_probe, "ridge": ridge_probe}.items()
    }
    spread = np.square(target[FOLD.train].mean() - target[FOLD.test]).mean()
    assert left["ridge"] < left["sgd"] < 0.95 * spread


def test_neighbours_are_those_of_scikit_learn_with_the_count_of_a_loop(example):
    values, target = example
    scaled = StandardScaler().fit(values[:90]).transform(values)
    errors = []
    for count in NEIGHBOURS:
        model = KNeighborsRegressor(count, metric="cosine")
        left = [
            (model.fit(scaled[part], target[part]).predict(scaled[out]) - target[out])[0] ** 2
            for part, out in LeaveOneOut().split(np.arange(90))
        ]
        errors.append(np.mean(left))
    best = KNeighborsRegressor(NEIGHBOURS[int(np.argmin(errors))], metric="cosine")
    expected = best.fit(scaled[:90], target[:90]).predict(scaled[90:])
    found = neighbours_probe({0: [values]}, target)(FOLD, 0)
    np.testing.assert_allclose(found, expected)


def test_neighbours_hear_a_narrow_block_as_loudly_as_a_wide_one():
    rng = np.random.default_rng(0)
    narrow, wide = rng.normal(size=(400, 2)), rng.normal(size=(400, 200))
    target = np.sign(narrow[:, 0]) * 5
    fold = Fold(np.arange(300), np.arange(300, 400))
    alone = neighbours_probe({0: [np.hstack([narrow, wide])]}, target)(fold, 0)
    blocks = neighbours_probe({0: [narrow, wide]}, target)(fold, 0)
    errors = [np.square(found - target[300:]).mean() for found in (alone, blocks)]
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize("stations", [2, 3, 4])
def test_a_handful_of_stations_is_enough_for_every_head(example, stations):
    values, target = example
    fold = Fold(np.arange(stations), FOLD.test)
    for head in (ridge_probe, sgd_probe, neighbours_probe):
        assert np.isfinite(head({0: [values]}, target)(fold, 0)).all()


def test_a_share_of_the_labels_is_fitted_as_scikit_learn_does(example):
    values, target = example
    kept = labelled(FOLD, 0.4, 3)
    scaled = StandardScaler().fit(values[:90]).transform(values)
    centred = scaled - scaled[kept].mean(axis=0)
    chosen = RidgeCV(PENALTIES).fit(centred[kept], target[kept])
    found = ridge_probe({3: [values]}, target, 0.4)(FOLD, 3)
    np.testing.assert_allclose(found, chosen.predict(centred[90:]), rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.floats(0.001, 0.5), st.floats(1.0, 2.0), st.integers(0, 99))
def test_shares_of_the_labels_are_nested_and_of_the_training_part(size, share, more, seed):
    fold = Fold(np.arange(size) * 3, np.array([1]))
    few, many = labelled(fold, share, seed), labelled(fold, min(share * more, 0.99), seed)
    assert len(few) == min(size, max(FEWEST, round(share * size)))
    assert set(few) <= set(many) <= set(fold.train)
    np.testing.assert_array_equal(labelled(fold, 1.0, seed), fold.train)


def test_shares_of_the_labels_are_drawn_anew_from_each_seed():
    fold = Fold(np.arange(500), np.array([500]))
    assert not np.array_equal(labelled(fold, 0.1, 0), labelled(fold, 0.1, 1))


def test_no_other_label_is_read(example):
    values, target = example
    kept = labelled(FOLD, 0.3, 0)
    spoiled = np.full(120, 999.0)
    spoiled[kept] = target[kept]
    before, after = (ridge_probe({0: [values]}, y, 0.3)(FOLD, 0) for y in (target, spoiled))
    np.testing.assert_array_equal(before, after)


IMAGES = {"mmaq": {"s5p"}, "mmaq_s2": set(), "decur": {"s2", "s5p"}, "random_init": {"s2", "s5p"}}


@pytest.mark.parametrize("method", IMAGES)
def test_each_encoder_has_every_head_each_image_alone_and_every_share(data, checkpoints, method):
    task = read_task(data[0], data[1], "made_up", "no2")
    config = Evaluate(seeds=(0,), label_fractions=(0.1, 0.5))
    entries = probe_entries(task, checkpoints(checkpoint_of(method)), method, config)
    whole, few = (
        [entry for entry in entries if (entry.label_fraction == 1) is full]
        for full in (True, False)
    )
    joined = "s2" if method == "mmaq_s2" else "s2+s5p"
    assert {(entry.protocol, entry.label_fraction) for entry in few} == {
        ("linear", 0.1), ("linear", 0.5),
    }  # fmt: skip
    assert {entry.modalities for entry in few} == {joined}
    assert {entry.protocol for entry in whole if entry.calibrated} == set(get_args(Head))
    alone = {entry.modalities for entry in whole if not entry.calibrated}
    assert alone == IMAGES[method]
    keys = {(e.protocol, e.modalities, e.label_fraction) for e in entries}
    assert len(keys) == len(entries)


def test_an_image_alone_is_what_its_embedding_alone_gives(data, checkpoint):
    from mmaq.estimators.encoders import embed_stations

    task = read_task(data[0], data[1], "made_up", "no2")
    config = Evaluate(seeds=(0,), heads=("linear",), label_fractions=())
    whole, alone = probe_entries(task, checkpoint, "mmaq", config)
    s2, s5p = embed_stations(task, "mmaq", checkpoint, (0,)).by_seed[0]
    for entry, block in ((whole, np.hstack([s2, s5p])), (alone, s5p)):
        expected = ridge_probe({0: [block]}, task.target)(FOLD, 0)
        np.testing.assert_array_equal(entry.prepare()(FOLD, 0), expected)


def test_without_the_linear_head_there_is_no_share_of_the_labels(data, checkpoint):
    task = read_task(data[0], data[1], "made_up", "no2")
    entries = probe_entries(task, checkpoint, "mmaq", Evaluate(seeds=(0,), heads=("knn",)))
    assert [entry.protocol for entry in entries] == ["knn"]
