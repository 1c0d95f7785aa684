"""Made-up stations, and ResNets that are as deep as a ResNet-10 and an eighth as wide."""

from __future__ import annotations

import pytest

from tests.estimators.made_up_fixtures import *  # noqa: F403

NARROW = 8


@pytest.fixture(autouse=True)
def narrow_resnets(monkeypatch):
    """Most of an evaluation's time here were eleven million weights, whose use others test."""
    from torchvision.models.resnet import BasicBlock, ResNet

    from mmaq.learn.models.encoders import WIDTHS

    class Narrow(ResNet):
        def _make_layer(self, block, planes, *given, **named):
            return super()._make_layer(block, planes // NARROW, *given, **named)

    def resnet18(weights):
        return Narrow(BasicBlock, [1, 1, 1, 1])

    monkeypatch.setattr("torchvision.models.resnet18", resnet18)
    monkeypatch.setitem(WIDTHS, "resnet18", 512 // NARROW)


@pytest.fixture
def checkpoint(checkpoints):
    """That of MMAQ."""
    return checkpoints("mmaq")
