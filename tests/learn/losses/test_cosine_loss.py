from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaq.learn.losses.cosine import negative_cosine


def random(size=6, width=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randn((2, size, width), generator=generator, dtype=torch.float64)


def test_equals_its_equation_and_lightly():
    predictions, targets = random()
    pairs = zip(predictions.numpy(), targets.numpy(), strict=True)
    cosines = [p @ z / np.linalg.norm(p) / np.linalg.norm(z) for p, z in pairs]
    found = negative_cosine(predictions, targets)
    assert found.item() == pytest.approx(-np.mean(cosines))
    lightly = pytest.importorskip("lightly.loss").NegativeCosineSimilarity()
    torch.testing.assert_close(found, lightly(predictions, targets))


def test_byol_distance_follows_from_it():
    predictions, targets = random()
    a, b = (torch.nn.functional.normalize(z, dim=1) for z in (predictions, targets))
    distance = (a - b).square().sum(dim=1).mean()
    torch.testing.assert_close(2 + 2 * negative_cosine(predictions, targets), distance)


def test_does_not_depend_on_length_or_order():
    predictions, targets = random()
    order = torch.randperm(6)
    moved = negative_cosine(3 * predictions[order], targets[order] / 2)
    torch.testing.assert_close(moved, negative_cosine(predictions, targets))


def test_gradient_flows_into_the_prediction_alone():
    predictions, targets = (values.clone().requires_grad_() for values in random())
    negative_cosine(predictions, targets).backward()
    assert predictions.grad.abs().max() > 0
    assert targets.grad is None
    assert torch.autograd.gradcheck(lambda p: negative_cosine(p, targets.detach()), (predictions,))
