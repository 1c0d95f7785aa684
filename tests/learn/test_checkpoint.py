from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmaq.base.errors import CheckpointError
from mmaq.config.learning import Pretrain
from mmaq.contracts.checkpoint import read_about
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.learn.checkpoint import load_encoders, random_encoders, save_encoders
from mmaq.learn.data import compute_statistics, load_inputs
from mmaq.learn.embed import embed
from tests.learn.training_country import SMALL

CONFIG = Pretrain(projection=16, encoders=SMALL)


@pytest.fixture(scope="module")
def inputs(country):
    return load_inputs(open_store(country[0]), read_sites(country[1]))


@pytest.fixture(scope="module")
def saved(tmp_path_factory, inputs):
    path = tmp_path_factory.mktemp("checkpoint") / "mmaq.safetensors"
    encoders, statistics = (
        random_encoders(CONFIG, 3),
        compute_statistics(inputs),
    )
    save_encoders(path, encoders, statistics, CONFIG, ["a", "b"])
    return path, encoders, statistics


def test_round_trip(saved, inputs):
    path, encoders, statistics = saved
    found, found_statistics = load_encoders(path)
    assert found_statistics == statistics
    assert not found.training
    expected = embed(encoders, statistics, inputs)
    for name, values in embed(found, found_statistics, inputs).items():
        assert np.array_equal(values, expected[name])


def test_equal_encoders_give_equal_bytes(saved, tmp_path):
    path, encoders, statistics = saved
    save_encoders(tmp_path / "again.safetensors", encoders, statistics, CONFIG, ["a", "b"])
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_the_description_says_what_the_encoders_learned_from(saved):
    about = read_about(saved[0])
    assert about["site_ids"] == ["a", "b"]
    assert about["bands"][8] == "B8A"
    assert Pretrain.narrow(about["config"], CONFIG) == CONFIG
    assert about == read_about(saved[0])


def test_random_encoders_follow_their_seed_and_leave_torchs_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    one, same, other = (random_encoders(CONFIG, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    weights = [encoders["s2"].conv1.weight for encoders in (one, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def change(saved, tmp_path, tensors=None, **about):
    path = tmp_path / "changed.safetensors"
    held = {
        name: value.clone(memory_format=torch.contiguous_format)
        for name, value in saved[1].state_dict().items()
    }
    value = {**read_about(saved[0]), **about}
    save_file({**held, **(tensors or {})}, path, metadata={"mmaq": json.dumps(value)})
    return path


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"config": {"epochs": -1}}, "its configuration is not valid"),
        ({"statistics": {"s2_mean": [1.0]}}, "its configuration is not valid"),
        ({"tensors": {"s2.conv1.weight": torch.zeros(1)}}, "tensors do not fit"),
        ({"tensors": {"surplus": torch.zeros(1)}}, "tensors do not fit"),
        ({"tensors": {"s2.conv1.bias": torch.tensor([torch.nan])}}, "'s2.conv1.bias' holds no w"),
        ({"tensors": {"s2.conv1.bias": torch.tensor([-1e30])}}, "'s2.conv1.bias' holds no w"),
        ({"tensors": {"flag": torch.tensor([True])}}, "tensors do not fit"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(saved, tmp_path, changes, fault):
    with pytest.raises(CheckpointError, match=fault) as caught:
        load_encoders(change(saved, tmp_path, **changes))
    assert "\n" not in str(caught.value)
    assert "changed.safetensors" in str(caught.value)


def test_embedding_does_not_depend_on_the_batch(saved, inputs, monkeypatch):
    _, encoders, statistics = saved
    expected = embed(encoders, statistics, inputs, ("s2", "s5p"))
    assert set(expected) == {"s2", "s5p"}
    monkeypatch.setattr(importlib.import_module("mmaq.learn.embed"), "BATCH", 5)
    found = embed(encoders, statistics, inputs, ("s2", "s5p"))
    for name, values in found.items():
        assert values.shape == (len(inputs), encoders.widths[name])
        np.testing.assert_allclose(values, expected[name], rtol=1e-4, atol=1e-5)


def test_a_site_without_the_modality_has_no_embedding(saved, inputs):
    _, encoders, statistics = saved
    rows = inputs.rows["s2"].clone()
    rows[4] = -1
    found = embed(encoders, statistics, type(inputs)(
        inputs.site_ids, {**inputs.rows, "s2": rows}, inputs.pixels, inputs.masks, inputs.table
    ), ("s2",))["s2"]  # fmt: skip
    assert np.isnan(found[4]).all()
    assert np.isfinite(np.delete(found, 4, axis=0)).all()


def test_embedding_leaves_the_mode_as_it_was(saved, inputs):
    _, encoders, statistics = saved
    encoders.train()
    before = {name: value.clone() for name, value in encoders.state_dict().items()}
    embed(encoders, statistics, inputs)
    assert encoders.training
    assert all(torch.equal(value, before[name]) for name, value in encoders.state_dict().items())
    encoders.eval()
