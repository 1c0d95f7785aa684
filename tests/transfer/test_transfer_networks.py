"""Frozen means frozen, and decoders give masks of the image's size."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from mmaq.base.errors import ConfigError
from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.config.transfer import Transfer
from mmaq.learn.models.encoders import Encoders
from mmaq.transfer.fuel import ABSENT, fit_logistic, train_fuel
from mmaq.transfer.networks import FuelNetwork, PlumeNetwork, feature_maps
from mmaq.transfer.plume import train_plume
from mmaq.transfer.scenes import Scenes

FAST = Transfer(epochs=1, batch_size=4, size=32)


@pytest.fixture
def scenes():
    generator = torch.Generator().manual_seed(0)
    masks = (torch.rand(8, 1, 32, 32, generator=generator) < 0.2).float()
    return Scenes(torch.randn(8, 12, 32, 32, generator=generator), masks)


def _train(task, protocol, encoder, scenes):
    rows, labels = np.arange(8), np.arange(8) % 4
    if task == "fuel":
        network = FuelNetwork(encoder, protocol, 512)
        train_fuel(network, scenes, labels, np.arange(8).astype(str), rows, FAST, 0)
    else:
        network = PlumeNetwork(encoder, protocol)
        train_plume(network, scenes, rows, FAST, 0)
    return network


@pytest.mark.parametrize("task", ["fuel", "plume"])
@pytest.mark.parametrize("protocol", ["frozen", "finetune", "scratch"])
def test_what_is_trained_is_what_the_protocol_says(task, protocol, encoder, scenes):
    before = copy.deepcopy(encoder.state_dict())
    network = _train(task, protocol, encoder, scenes)
    after = encoder.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    statistics = {name for name in before if "running" in name or "num_batches" in name}
    if protocol == "frozen":
        assert not moved
    else:
        assert "conv1.weight" in moved
        assert bool(moved & statistics) == (protocol == "scratch")
    assert not network.training


def test_a_frozen_encoder_stays_in_evaluation_mode(encoder):
    network = PlumeNetwork(encoder, "frozen").train()
    assert network.stages[0].training
    assert not any(module.training for module in network.encoder.modules())


@pytest.mark.parametrize("side", [32, 64, 120])
def test_a_mask_has_the_side_of_its_image(encoder, side):
    network = PlumeNetwork(encoder, "frozen").eval()
    assert network(torch.zeros(2, 12, side, side)).shape == (2, 1, side, side)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_deepest_map_is_what_the_embedding_is_made_of(name):
    encoder = Encoders(EncodersConfig(s2=name), ("s2",))["s2"].eval()
    images = torch.randn(1, 12, 64, 64)
    maps = feature_maps(encoder, images)
    assert [map_.shape[-1] for map_ in maps] == [32, 16, 8, 4, 2]
    torch.testing.assert_close(maps[-1].mean((2, 3)), encoder(images))
    assert PlumeNetwork(encoder, "frozen").eval()(images).shape == (1, 1, 64, 64)


def test_an_encoder_without_maps_is_refused():
    encoder = Encoders(EncodersConfig(s2="vit_small", s2_input=32, vit_patch=8), ("s2",))["s2"]
    with pytest.raises(ConfigError, match="VisionTransformer has no maps of several sizes"):
        PlumeNetwork(encoder, "frozen")


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 2, 3], [1, 3], [2]])
def test_the_linear_head_knows_the_classes_that_it_saw(classes):
    rng = np.random.default_rng(0)
    labels = np.array(classes)[np.arange(24) % len(classes)]
    values = np.eye(4)[labels] * 5 + rng.normal(0, 0.1, (24, 4))
    weights, bias = fit_logistic(values, labels, np.arange(24).astype(str))
    assert ((values @ weights.T + bias).argmax(axis=1) == labels).all()
    assert set(np.flatnonzero(bias == ABSENT)) == set(range(4)) - set(classes)
