"""AQNet and the two-stream network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.models.aqnet import AQNet, ColumnNetwork
from mmaq.learn.models.two_stream import TwoStream

MAKERS = {"aqnet": AQNet, "two_stream": lambda: TwoStream(EncodersConfig())}


def inputs(size=5, side=32, cells=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = {"s2": (12, side, side), "s5p": (1, cells, cells), "table": (16,)}
    return {
        name: torch.randn((size, *shape), generator=generator) for name, shape in shapes.items()
    }


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(("side", "cells"), [(8, 6), (32, 16), (120, 120)])
def test_one_value_a_station_whatever_the_patches_size(name, side, cells):
    network = MAKERS[name]().eval()
    with torch.no_grad():
        assert network(inputs(3, side, cells)).shape == (3,)


@pytest.mark.parametrize("make", [AQNet, lambda k: TwoStream(EncodersConfig(), k)])
def test_several_targets_are_as_many_outputs(make):
    network = make(3).eval()
    with torch.no_grad():
        assert network(inputs(2, 8, 6)).shape == (2, 3)


@pytest.mark.parametrize("name", MAKERS)
def test_every_modality_and_every_weight_takes_part(name):
    torch.manual_seed(0)
    network = MAKERS[name]().eval()
    batch = {key: values.requires_grad_() for key, values in inputs().items()}
    network(batch).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    for key in network.modalities:
        assert (batch[key].grad.flatten(1).abs().amax(dim=1) > 0).all(), key
    assert (batch["s2"].grad.abs().amax(dim=(0, 2, 3)) > 0).all(), "each band is read"
    if "table" not in network.modalities:
        assert batch["table"].grad is None


@pytest.mark.parametrize("name", MAKERS)
def test_a_station_does_not_depend_on_the_batch_in_evaluation_mode(name):
    network = MAKERS[name]().eval()
    batch = inputs()
    with torch.no_grad():
        alone = [network({key: v[row : row + 1] for key, v in batch.items()}) for row in range(5)]
        torch.testing.assert_close(network(batch), torch.cat(alone), rtol=1e-4, atol=1e-6)


def test_aqnet_has_the_sizes_of_its_code():
    network = AQNet()
    first, *_, last = (m for m in network.s2.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    assert (first.in_channels, first.out_channels, first.kernel_size, first.stride) == (
        12, 16, (3, 3), (1, 1),
    )  # fmt: skip
    assert last.out_features == 640

    def widths(part):
        layers = [layer for layer in part.modules() if isinstance(layer, nn.Linear)]
        return [layers[0].in_features, *(layer.out_features for layer in layers)]

    assert widths(network.s5p)[-1] == 128
    assert widths(network.table) == [16, 16, 32, 32], "eight features and their missing flags"
    assert widths(network.images) == [768, 384, 192, 96]
    assert widths(network.mixer) == [128, 128, 64, 16, 1]
    assert [m.p for m in network.mixer if isinstance(m, nn.Dropout)] == [0.25, 0.25]


def test_two_stream_has_the_head_of_the_paper_with_its_resnet_50():
    network = TwoStream(EncodersConfig(s2="resnet50"))
    assert [layer.weight.shape for layer in network.head if isinstance(layer, nn.Linear)] == [
        (544, 2176), (1, 544),
    ]  # fmt: skip


def test_column_network_keeps_where_in_the_window_a_plume_is():
    torch.manual_seed(0)
    maps = ColumnNetwork().layers[:-3]
    columns = torch.zeros(3, 1, 16, 16)
    columns[1, 0, 1:3, 1:3] = 3.0
    columns[2, 0, 13:15, 13:15] = 3.0
    with torch.no_grad():
        clean, *plumes = maps(columns)
    first, last = (((plume - clean).abs().amax(dim=0) > 0) for plume in plumes)
    assert first[:2, :2].any()
    assert last[2:, 2:].any()
    assert not first[2:].any()
    assert not last[:, :2].any()
