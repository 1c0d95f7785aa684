import pytest
import torch
from torch import nn

from mmaq.config.learning import Encoders as EncodersConfig
from mmaq.learn.fit import layer_groups
from mmaq.learn.models.encoders import Encoders


def _rates(encoder, rate, first):
    groups = layer_groups(encoder, rate, first)
    of_parameter = {id(p): group["lr"] for group in groups for p in group["params"]}
    return {name: of_parameter[id(p)] for name, p in encoder.named_parameters()}


@pytest.mark.parametrize("s2", ["resnet18", "vit_small"])
def test_rates_rise_from_the_first_layer_to_the_last(s2):
    encoders = Encoders(EncodersConfig(s2=s2), ("s2", "s5p"))
    for encoder in encoders.values():
        rates = list(_rates(encoder, 0.01, 0.1).values())
        assert rates == sorted(rates)
        assert rates[0] == pytest.approx(0.001)
        assert rates[-1] == pytest.approx(0.01)


def test_layers_of_a_chain_are_evenly_apart_on_a_log_scale():
    chain = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    rates = _rates(chain, 1.0, 0.01)
    assert [rates[f"{number}.weight"] for number in range(3)] == pytest.approx([0.01, 0.1, 1.0])
    assert rates["1.weight"] == rates["1.bias"]


def test_every_parameter_is_in_one_group_and_an_equal_rate_is_left_alone():
    encoder = Encoders(EncodersConfig(), ("s2",))["s2"]
    groups = layer_groups(encoder, 0.3, 1.0)
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in encoder.parameters())
    assert {group["lr"] for group in groups} == {0.3}
    torch.optim.AdamW(groups)
