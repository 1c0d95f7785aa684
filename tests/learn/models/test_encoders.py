from __future__ import annotations

import pytest
import torch
from torch import nn

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.models.encoders import ColumnEncoder, Encoders, FeatureAttention
from mmaq.vocabulary import MODALITIES


def inputs(size=3, side=32):
    return {
        "s2": torch.randn(size, 12, side, side),
        "s5p": torch.randn(size, 1, 16, 16),
        "table": torch.randn(size, 16),
    }


@pytest.mark.parametrize(("s2", "s5p"), [("resnet18", "small"), ("resnet50", "resnet18")])
def test_each_encoder_gives_its_width(s2, s5p):
    encoders = Encoders(EncodersConfig(s2=s2, s5p=s5p)).eval()
    for name, values in inputs().items():
        assert encoders[name](values).shape == (3, encoders.widths[name])
    assert set(encoders) == set(MODALITIES)
    assert not {id(p) for p in encoders["s2"].parameters()} & {
        id(p) for p in encoders["s5p"].parameters()
    }


@pytest.mark.parametrize(("side", "patch"), [(16, 4), (32, 8), (224, 16)])
def test_vit_takes_small_and_large_patches(side, patch):
    encoders = Encoders(EncodersConfig(s2="vit_small", s2_input=side, vit_patch=patch), ("s2",))
    network = encoders.eval()["s2"]
    with torch.no_grad():
        assert network(torch.randn(2, 12, side, side)).shape == (2, encoders.widths["s2"])
    assert network.seq_length == (side // patch) ** 2 + 1
    parameters = sum(p.numel() for p in network.parameters())
    assert 21e6 < parameters < 23e6, "ViT-S has 22 million parameters"


def test_vit_looks_at_every_band_and_every_place():
    network = Encoders(EncodersConfig(s2="vit_small", s2_input=16, vit_patch=8), ("s2",))["s2"]
    images = torch.randn(1, 12, 16, 16, requires_grad=True)
    network.eval()(images).square().sum().backward()
    assert (images.grad.abs().amax(dim=(0, 2, 3)) > 0).all()
    assert (images.grad.abs().amax(dim=(0, 1)) > 0).all()


def test_vit_patch_must_divide_the_side():
    with pytest.raises(ValueError, match="vit_patch must divide s2_input"):
        EncodersConfig(s2="vit_small", s2_input=30, vit_patch=16)


@pytest.mark.parametrize("modalities", [("s2",), ("table", "s2"), ("s5p",), MODALITIES])
def test_only_the_asked_encoders_are_made(modalities):
    encoders = Encoders(EncodersConfig(), modalities)
    assert set(encoders) == set(encoders.widths) == set(modalities)
    assert encoders.modalities == tuple(name for name in MODALITIES if name in modalities)


def test_the_first_encoder_starts_alike_with_and_without_others():
    made = []
    for modalities in (("s2",), ("table", "s5p", "s2")):
        torch.manual_seed(0)
        made.append(Encoders(EncodersConfig(), modalities)["s2"].state_dict())
    assert all(torch.equal(value, made[1][name]) for name, value in made[0].items())


@pytest.mark.parametrize("present", [(), ("s2",), ("s5p", "table"), MODALITIES])
def test_a_user_with_some_modalities_is_served(present):
    """Each embedding is the same whether or not the others are at hand."""
    encoders = Encoders(EncodersConfig()).eval()
    batch = inputs()
    with torch.no_grad():
        whole = encoders(batch)
        some = encoders({name: batch[name] for name in present})
    assert set(some) == set(present)
    for name, values in some.items():
        assert torch.equal(values, whole[name])


def test_resnet_has_the_stem_that_its_docstring_says():
    network = Encoders(EncodersConfig())["s2"]
    conv = network.conv1
    assert (conv.in_channels, conv.kernel_size, conv.stride, conv.padding) == (
        12, (3, 3), (2, 2), (1, 1),
    )  # fmt: skip
    assert conv.bias is None
    assert isinstance(network.fc, nn.Identity)


@pytest.mark.parametrize("side", [5, 16, 17])
def test_column_encoder_keeps_the_absolute_level(side):
    encoder = ColumnEncoder().eval()
    column = torch.randn(4, 1, side, side)
    before, after = encoder(column), encoder(column + 3.0)
    torch.testing.assert_close(after[:, -1] - before[:, -1], torch.full((4,), 3.0))
    assert (after - before)[:, :-2].abs().amax(dim=1).gt(0.01).all()


def test_column_encoder_tells_the_centre_from_the_edge():
    encoder = ColumnEncoder().eval()
    flat = torch.zeros(2, 1, 16, 16)
    flat[0, 0, 7:9, 7:9] = 1.0
    flat[1, 0, :2, :2] = 1.0
    centre, edge = encoder(flat)
    assert (centre[-2], edge[-2]) == (1.0, 0.0)
    assert centre[-1] == edge[-1]


def test_attention_reweights_its_input():
    attention = FeatureAttention(6)
    features = torch.randn(5, 6)
    weights = attention(features) / features
    torch.testing.assert_close(weights.sum(dim=1), torch.full((5,), 6.0))
    assert (weights > 0).all()
    nn.init.zeros_(attention.score.weight)
    nn.init.zeros_(attention.score.bias)
    torch.testing.assert_close(attention(features), features)


def test_embedding_does_not_depend_on_the_batch_in_evaluation_mode():
    encoders = Encoders(EncodersConfig()).eval()
    batch = inputs(size=4)
    with torch.no_grad():
        for name, values in batch.items():
            alone = torch.cat([encoders[name](row[None]) for row in values])
            torch.testing.assert_close(encoders[name](values), alone, rtol=1e-4, atol=1e-5)
