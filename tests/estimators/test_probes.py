"""Heads of the probes against independent references, and which probes an encoder has."""

from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneOut
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from mmaq.base.errors import Unavailable
from mmaq.config.parts import checkpoint_of
from mmaq.contracts.patches import open_store
from mmaq.estimators import encoders
from mmaq.estimators.catalogue import probe, probes
from mmaq.estimators.descent import BATCH, EPOCHS, MOMENTUM, RATE, Descent, descend
from mmaq.estimators.encoders import Pretrained
from mmaq.estimators.features import land_use_logarithmic
from mmaq.estimators.probes import NEIGHBOURS, Neighbours, Ridge
from mmaq.statistics.ridge import PENALTIES, Scaling
from mmaq.statistics.splits import labelled
from mmaq.vocabulary import Head
from tests.estimators.stations_made_up import make_data
from tests.estimators.trainings import Columns, make_places, make_training, training_of

TRAIN, TEST = np.arange(90), np.arange(90, 120)


def _apply(head, blocks, target, train, test, seed=0, **given):
    """What a head on these blocks, fitted at the rows ``train``, says at the rows ``test``."""
    size = len(target)
    places = make_places(pd.DataFrame({"lon": np.zeros(size), "lat": np.zeros(size)}))
    training = make_training(places, target).take(train)
    fitted = head("mmaq", encoder=Columns(blocks), **given).fit(training, seed=seed)
    return fitted.mean(places.take(test))


@pytest.fixture
def example():
    """Embeddings (120, 12) of which three columns and their product make the target."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(120, 12)) * rng.lognormal(0, 1, 12) + rng.normal(size=12)
    scaled = Scaling.of(values).apply(values)
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
        name: np.square(_apply(head, [values], target, TRAIN, TEST) - target[TEST]).mean()
        for name, head in {"sgd": Descent, "ridge": Ridge}.items()
    }
    spread = np.square(target[TRAIN].mean() - target[TEST]).mean()
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
    found = _apply(Neighbours, [values], target, TRAIN, TEST, apart=True)
    np.testing.assert_allclose(found, expected)


def test_neighbours_hear_a_narrow_block_as_loudly_as_a_wide_one():
    rng = np.random.default_rng(0)
    narrow, wide = rng.normal(size=(400, 2)), rng.normal(size=(400, 200))
    target = np.sign(narrow[:, 0]) * 5
    train, test = np.arange(300), np.arange(300, 400)
    alone, blocks = (
        _apply(Neighbours, [narrow, wide], target, train, test, apart=apart)
        for apart in (False, True)
    )
    errors = [np.square(found - target[300:]).mean() for found in (alone, blocks)]
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.parametrize("stations", [2, 3, 4])
def test_a_handful_of_stations_is_enough_for_every_head(example, stations):
    values, target = example
    for head in HEADS:
        assert np.isfinite(_apply(head, [values], target, np.arange(stations), TEST)).all()


def test_a_share_of_the_labels_is_fitted_as_scikit_learn_does(example):
    values, target = example
    kept = labelled(len(TRAIN), 0.4, 3)
    assert len(kept) == 36
    scaled = StandardScaler().fit(values[:90]).transform(values)
    centred = scaled - scaled[kept].mean(axis=0)
    chosen = RidgeCV(PENALTIES).fit(centred[kept], target[kept])
    found = _apply(Ridge, [values], target, TRAIN, TEST, seed=3, label_fraction=0.4)
    np.testing.assert_allclose(found, chosen.predict(centred[90:]), rtol=1e-5)


def test_no_other_label_is_read(example):
    values, target = example
    kept = labelled(len(TRAIN), 0.3, 0)
    spoiled = np.full(120, 999.0)
    spoiled[kept] = target[kept]
    before, after = (
        _apply(Ridge, [values], y, TRAIN, TEST, label_fraction=0.3) for y in (target, spoiled)
    )
    np.testing.assert_array_equal(before, after)


HEADS = (Ridge, Descent, Neighbours)
IMAGES = {"mmaq": {"s5p"}, "mmaq_s2": set(), "decur": {"s2", "s5p"}, "random_init": {"s2", "s5p"}}


@pytest.mark.parametrize("method", IMAGES)
def test_each_encoder_has_every_head_each_image_alone_and_every_share(checkpoints, method):
    encoder = Pretrained(method, checkpoints(checkpoint_of(method)))
    found = probes(encoder, get_args(Head), (0.1, 0.5), True)
    whole, few = (
        [each for each in found if (each.label_fraction == 1) is full] for full in (True, False)
    )
    joined = "s2" if method == "mmaq_s2" else "s2+s5p"
    assert {(each.protocol, each.label_fraction) for each in few} == {
        ("linear", 0.1), ("linear", 0.5),
    }  # fmt: skip
    assert {each.modalities for each in few} == {joined}
    assert {each.protocol for each in whole if each.calibrated} == set(get_args(Head))
    alone = {each.modalities for each in whole if not each.calibrated}
    assert alone == IMAGES[method]
    keys = {(each.protocol, each.modalities, each.label_fraction) for each in found}
    assert len(keys) == len(found)
    assert {each.method for each in found} == {method}


def test_an_image_alone_is_what_its_embedding_alone_gives(data, checkpoint):
    whole, alone = probes(Pretrained("mmaq", checkpoint), ("linear",), (), False)
    everything = training_of(data)
    train, test = everything.take(TRAIN), everything.places.take(TEST)
    s2, s5p = Pretrained("mmaq", checkpoint).embedder(test, 0).embed(everything.places)
    for estimator, block in ((whole, np.hstack([s2, s5p])), (alone, s5p)):
        expected = _apply(Ridge, [block], everything.target, TRAIN, TEST)
        np.testing.assert_array_equal(estimator.fit(train, seed=0).mean(test), expected)


def test_the_fused_probe_reads_the_table_as_loudly_as_the_images(data, checkpoint):
    everything = training_of(data)
    train, test = everything.take(TRAIN), everything.places.take(TEST)
    fitted = probe(Pretrained("mmaq", checkpoint), "fused").fit(train, seed=0)
    features, held = fitted.reader.read(train.places)
    assert held.all()
    embedding, table = features[:, :-8], features[:, -8:]
    assert embedding.var(axis=0).sum() == pytest.approx(table.var(axis=0).sum(), rel=0.1)
    other = everything.places.take(TEST)
    other.table["population_density"] *= 50.0
    assert (land_use_logarithmic(other) != land_use_logarithmic(test)).any()
    assert (fitted.mean(other) != fitted.mean(test)).all()


def test_without_the_linear_head_there_is_no_share_of_the_labels(checkpoint):
    found = probes(Pretrained("mmaq", checkpoint), ("knn",), (0.1, 0.5), False)
    assert not any(each.calibrated for each in found)
    assert [each.protocol for each in found] == ["knn"]


def test_a_probe_does_not_read_test_targets_or_test_statistics():
    rng = np.random.default_rng(0)
    order = rng.permutation(90)
    train, test = np.sort(order[:60]), np.sort(order[60:])
    target = rng.normal(20, 8, 90)
    blocks = [rng.normal(size=(90, 20)), rng.normal(size=(90, 3))]
    before = {head: _apply(head, blocks, target, train, test) for head in HEADS}
    target[test] = 999
    for head in HEADS:
        np.testing.assert_array_equal(before[head], _apply(head, blocks, target, train, test))
    # Half of the test stations move far away; what the other half gets must not change.
    blocks[0][test[15:]] += 1e3
    for head in HEADS:
        found = _apply(head, blocks, target, train, test)
        np.testing.assert_allclose(found[:15], before[head][:15])


def test_without_images_or_a_checkpoint_the_reason_is_given(data, checkpoint, tmp_path):
    paths = make_data(tmp_path, size=40, absent=("s2", "s5p"))
    with pytest.raises(Unavailable, match="no s2 patches: no images are given"):
        probe(Pretrained("mmaq", checkpoint), "linear").fit(training_of(paths), seed=0)
    with pytest.raises(Unavailable, match="no encoders were pretrained"):
        probe(Pretrained("mmaq", None), "linear").fit(training_of(data), seed=0)


@pytest.mark.parametrize("head", ["linear", "fused", "knn", "sgd_probe"])
def test_a_place_without_an_image_is_not_predicted(checkpoint, data, tmp_path, head):
    fitted = probe(Pretrained("mmaq", checkpoint), head).fit(training_of(data), seed=0)
    sites, store, _ = make_data(tmp_path, size=30, without={"s5p": 4})
    places = make_places(pd.read_parquet(sites), open_store(store))
    found = fitted.mean(places)
    assert np.isnan(found[:4]).all()
    assert np.isfinite(found[4:]).all()


def test_embeddings_are_made_once_for_all_that_ask_of_one_encoder(data, checkpoint, monkeypatch):
    asked = []

    def counting(*given):
        asked.append(given)
        return embed(*given)

    embed = encoders.embed
    monkeypatch.setattr(encoders, "embed", counting)
    everything = training_of(data)
    for head in ("linear", "knn"):
        for rows in (TRAIN, TEST):
            probe(Pretrained("mmaq", checkpoint), head).fit(everything.take(rows), seed=0)
    assert len(asked) == 1
