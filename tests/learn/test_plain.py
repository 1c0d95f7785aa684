"""An encoder as a plain torchvision ResNet embeds as MMAQ's own does."""

from __future__ import annotations

import copy
import re

import pytest
import torch
import torchvision

from mmaq.base.errors import CheckpointError
from mmaq.config.learning import Encoders, Pretrain
from mmaq.learn.checkpoint import save_encoders
from mmaq.learn.data import Statistics
from mmaq.learn.models.convolution import Convolution
from mmaq.learn.models.encoders import Encoders as Networks
from mmaq.learn.plain import export_plain

SIDES = (8, 32, 33)
"""Pixels: where the last convolutions see one pixel, the default, and an odd number."""


def save(folder, name="resnet18", modalities=("s2",)):
    """A checkpoint whose batch norms have moments of their own, as after a training."""
    config = Encoders(s2=name, s2_input=32, vit_patch=16, table_width=16)
    networks = Networks(config, modalities)
    for module in networks.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    bands = tuple(float(each) for each in range(1, 13))
    statistics = Statistics(bands, bands[::-1], (0.0,), (1.0,), (0.0,) * 8, (1.0,) * 8)
    path = folder / "encoders.safetensors"
    save_encoders(path, networks, statistics, Pretrain(encoders=config), ["a", "b"])
    return path, networks.eval(), statistics


def run_card(card, folder, monkeypatch, **given):
    """What the code of a card leaves: no name of MMAQ stands in it."""
    (code,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert "mmaq" not in code
    monkeypatch.chdir(folder)
    names = dict(given)
    with torch.no_grad():
        exec(code, names)
    return names


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_the_code_of_the_card_gives_equal_embeddings(tmp_path, monkeypatch, name):
    checkpoint, networks, statistics = save(tmp_path, name)
    export_plain(checkpoint, tmp_path / "plain.safetensors", "Made up.")
    card = (tmp_path / "plain.md").read_text()
    reflectance = 10 * torch.rand(2, 12, 32, 32)
    mean, sd = (
        torch.tensor(each)[:, None, None] for each in (statistics.s2_mean, statistics.s2_sd)
    )
    given = {"reflectance": reflectance, "mean": mean, "sd": sd}
    found = run_card(card, tmp_path, monkeypatch, **given)
    same = copy.deepcopy(networks["s2"]).to(memory_format=torch.contiguous_format)
    for module in same.modules():  # torchvision's kernels, so that nothing is rounded otherwise
        if isinstance(module, Convolution):
            module.__class__ = torch.nn.Conv2d
    with torch.no_grad():
        own = same(statistics.standardise("s2", reflectance))
    assert own.std() > 0.01
    torch.testing.assert_close(found["embedding"], own, rtol=0, atol=1e-6 * float(own.abs().max()))
    encoder = found["encoder"]
    assert type(encoder) is torchvision.models.ResNet
    for side in SIDES if name == "resnet18" else SIDES[:1]:
        image = torch.randn(2, 12, side, side, dtype=torch.float64)
        with torch.no_grad():
            own, plain = networks.double()["s2"](image), encoder.double()(image)
        torch.testing.assert_close(plain, own, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "modalities", "held"),
    [("vit_small", ("s2",), "vit_small"), ("resnet18", ("s5p",), "none")],
)
def test_what_is_no_resnet_is_refused(tmp_path, name, modalities, held):
    checkpoint, _, _ = save(tmp_path, name, modalities)
    with pytest.raises(CheckpointError, match=f"encoder is {held}, no ResNet"):
        export_plain(checkpoint, tmp_path / "plain.safetensors", "")
    assert not list(tmp_path.glob("plain*"))
