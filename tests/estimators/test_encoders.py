"""Frozen encoders: what a place gives does not depend on which others are asked beside it."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from mmaq.base.errors import CheckpointError, Unavailable
from mmaq.contracts.patches import open_store
from mmaq.estimators.base import Places
from mmaq.estimators.encoders import Embedder, Pretrained, images_of
from mmaq.learn.data import compute_statistics, load_inputs
from mmaq.learn.embed import BATCH, calibrate_norms, embed, whole_batches
from mmaq.learn.fit import Scale
from mmaq.learn.models.encoders import Encoders
from mmaq.learn.networks import Regressor, Trained
from mmaq.learn.views import fit_size
from mmaq.vocabulary import MODALITIES
from tests.estimators.stations_made_up import TINY, make_data
from tests.estimators.trainings import reopened, training_of

BOTH = ("s2", "s5p")
SIZE = BATCH + 44
SUBSETS = {
    "one": [7], "two": [7, 290], "some": np.arange(3, 90, 2), "a batch": np.arange(BATCH),
    "a batch and one": np.arange(BATCH + 1)[::-1].copy(),
}  # fmt: skip


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """More sites than a batch holds, of which the first lack images."""
    folder = tmp_path_factory.mktemp("many")
    sites, store, _ = make_data(folder, size=SIZE, without={"s2": 5, "s5p": 2})
    return pd.read_parquet(sites), open_store(store)


@pytest.fixture(scope="module")
def networks(land):
    """Encoders of every modality and the statistics of all sites."""
    table, store = land
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        return Encoders(TINY, MODALITIES).eval(), compute_statistics(load_inputs(store, table))


@pytest.mark.parametrize("count", [1, 3, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 7])
def test_batches_have_one_shape_and_every_row_once(count):
    rows = torch.arange(count) + 10
    parts = list(whole_batches(rows))
    assert {len(part) for part, _ in parts} == {BATCH}
    counted = torch.cat([part[:number] for part, number in parts])
    assert torch.equal(counted, rows)
    assert sum(number for _, number in parts) == count


def test_no_rows_are_no_batch():
    assert list(whole_batches(torch.arange(0))) == []


@pytest.mark.parametrize("subset", SUBSETS)
def test_an_embedding_does_not_depend_on_the_others(land, networks, subset):
    table, store = land
    rows = np.asarray(SUBSETS[subset])
    whole = embed(*networks, load_inputs(store, table))
    part = embed(*networks, load_inputs(store, table.iloc[rows].reset_index(drop=True)))
    assert set(whole) == set(part) == set(MODALITIES)
    for name in MODALITIES:
        np.testing.assert_array_equal(part[name], whole[name][rows])
        missing = {"s2": 5, "s5p": 2}.get(name, 0)
        assert np.isnan(whole[name][:missing]).all()
        assert np.isfinite(whole[name][missing:]).all()
        assert len(np.unique(whole[name][missing:], axis=0)) == SIZE - missing


def test_where_nobody_has_an_image_there_is_no_embedding(land, networks):
    # The store holds some; the sites that are asked for have none.
    table, store = land
    found = embed(*networks, load_inputs(store, table[:2].reset_index(drop=True)))
    assert np.isnan(found["s2"]).all()
    assert np.isnan(found["s5p"]).all()
    assert np.isfinite(found["table"]).all()


def test_encoders_are_left_in_the_mode_they_were_in(land, networks):
    table, store = land
    network, statistics = networks
    few = load_inputs(store, table[10:20].reset_index(drop=True))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    try:
        embed(network, statistics, few)
        assert network.training
    finally:
        network.eval()
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("subset", SUBSETS)
def test_places_are_embedded_alike_alone_and_among_all(land, networks, subset):
    table, store = land
    network, statistics = networks
    embedder = Embedder.of(network, statistics, BOTH)
    rows = np.asarray(SUBSETS[subset])
    everything = Places(table, store)
    among = embedder.embed(everything.take(rows))
    alone = embedder.embed(Places(table.iloc[rows].reset_index(drop=True), store))
    whole = embedder.embed(everything)
    for one, two, three in zip(among, alone, whole, strict=True):
        assert one.shape == (len(rows), one.shape[1])
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three[rows])


@pytest.mark.parametrize("subset", SUBSETS)
def test_a_networks_prediction_does_not_depend_on_the_others(land, networks, subset):
    table, store = land
    network, statistics = networks
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = Regressor(network, BOTH).eval()
    trained = Trained(model, statistics, TINY, BOTH, Scale(20.0, 8.0), np.array([0.0, 90.0]))
    held = load_inputs(store, table[5:].reset_index(drop=True))
    rows = np.asarray(SUBSETS[subset]) % len(held)
    whole = trained.predict(held, np.arange(len(held)))
    np.testing.assert_array_equal(trained.predict(held, rows), whole[rows])
    assert len(np.unique(whole)) > SIZE / 2


def test_other_weights_or_statistics_are_other_embeddings(land, networks):
    table, store = land
    network, statistics = networks
    places = Places(table[10:30].reset_index(drop=True), store)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        drawn = Encoders(TINY, MODALITIES).eval()
    fewer = compute_statistics(load_inputs(store, table[:40].reset_index(drop=True)))
    made = [
        Embedder.of(*given, images)
        for *given, images in (
            (network, statistics, BOTH), (drawn, statistics, BOTH),
            (network, fewer, BOTH), (network, statistics, ("s5p",)),
        )
    ]  # fmt: skip
    found = [np.hstack(embedder.embed(places)) for embedder in made]
    assert not np.allclose(found[0], found[1])
    assert not np.allclose(found[0], found[2])
    np.testing.assert_array_equal(found[3], found[0][:, -found[3].shape[1] :])
    kept = set(places.made)
    assert sum(name.startswith("embedding:") for name in kept) == 4
    again = Embedder.of(network, statistics, BOTH)
    np.testing.assert_array_equal(np.hstack(again.embed(places)), found[0])
    assert set(places.made) == kept


def test_encoders_come_back_from_their_state(data, checkpoint):
    places = training_of(data).places
    embedder = Pretrained("mmaq", checkpoint).embedder(places, 0)
    again = Embedder.from_state(*embedder.state())
    assert again.digest == embedder.digest
    for one, two in zip(embedder.embed(places), again.embed(reopened(places)), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_checkpoint_that_was_written_anew_is_read_anew(data, checkpoints, tmp_path):
    places = training_of(data).places
    path = tmp_path / "mmaq.safetensors"
    shutil.copy(checkpoints("mmaq"), path)
    first = Pretrained("mmaq", path).embedder(places, 0)
    assert Pretrained("mmaq", path).embedder(places, 1) is first
    os.utime(path, ns=(1, 1))
    assert Pretrained("mmaq", path).embedder(places, 0) is not first


@pytest.mark.parametrize(
    ("method", "images"),
    [
        ("mmaq", BOTH),
        ("mmaq_s2", ("s2",)),
        ("simclr", ("s2",)),
        ("random_init", BOTH),
    ],
)
def test_each_method_reads_the_images_that_it_trains(method, images):
    assert images_of(method) == images
    assert Pretrained(method, None).modalities == images


def test_what_is_lacking_is_named(data, checkpoints, tmp_path):
    places = training_of(data).places
    with pytest.raises(Unavailable, match="no encoders were pretrained"):
        Pretrained("mmaq", None).embedder(places, 0)
    fault = "it was pretrained by barlow_twins. Give the checkpoint of mmaq to evaluate mmaq_s2"
    with pytest.raises(CheckpointError, match=fault):
        Pretrained("mmaq_s2", checkpoints("barlow_twins")).embedder(places, 0)
    sites, store, _ = make_data(tmp_path, size=20, absent=("s5p",))
    without = Places(pd.read_parquet(sites), open_store(store))
    with pytest.raises(Unavailable, match="no s5p patches: no images are given"):
        Pretrained("mmaq", checkpoints("mmaq")).embedder(without, 0)
    embedder = Pretrained("mmaq_s2", checkpoints("mmaq")).embedder(without, 0)
    assert [block.shape[0] for block in embedder.embed(without)] == [20]


def test_calibrated_norms_are_the_moments_of_what_reaches_them(land):
    table, store = land
    inputs = load_inputs(store, table)
    statistics = compute_statistics(inputs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        encoders = Encoders(TINY, BOTH)
    calibrate_norms(encoders, statistics, inputs, BOTH)
    assert not encoders.training
    for name, first, norm in (("s2", "conv1", "bn1"), ("s5p", "features.0", "features.1")):
        rows = torch.from_numpy(np.flatnonzero(inputs.has(name)))
        batch = fit_size(name, inputs.standardised(name, rows, statistics), encoders.config)
        with torch.no_grad():
            reached = encoders[name].get_submodule(first)(batch)
        known = encoders[name].get_submodule(norm)
        torch.testing.assert_close(
            known.running_mean, reached.mean((0, 2, 3)), rtol=1e-3, atol=1e-4
        )
