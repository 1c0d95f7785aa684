from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaq.learn.losses.vicreg import vicreg_terms


def random(size=9, width=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([0.3, 1.0, 2.0, 0.7], dtype=torch.float64)[:width]
    return torch.randn((2, size, width), generator=generator, dtype=torch.float64) * scale


def total(first, second):
    terms = vicreg_terms(first, second)
    return 25 * terms["invariance"] + 25 * terms["variance"] + terms["covariance"]


def reference(first, second):
    """Equations 1 to 6 of the paper with loops over dimensions."""
    a, b = first.numpy(), second.numpy()
    width = a.shape[1]
    variance, covariance = [], []
    for z in (a, b):
        deviations = [np.sqrt(np.var(z[:, j], ddof=1) + 1e-4) for j in range(width)]
        variance.append(np.mean([max(0.0, 1 - s) for s in deviations]))
        matrix = np.cov(z.T)
        pairs = [(i, j) for i in range(width) for j in range(width) if i != j]
        covariance.append(sum(matrix[i, j] ** 2 for i, j in pairs) / width)
    return {
        "invariance": np.mean((a - b) ** 2),
        "variance": np.mean(variance),
        "covariance": np.sum(covariance),
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_terms_equal_the_equations(seed):
    first, second = random(seed=seed)
    found = vicreg_terms(first, second)
    for name, value in reference(first, second).items():
        assert found[name].item() == pytest.approx(value), name


def test_equals_lightly():
    lightly = pytest.importorskip("lightly.loss").VICRegLoss()
    first, second = random()
    torch.testing.assert_close(total(first, second), lightly(first, second))


def test_does_not_depend_on_order_or_a_common_offset():
    first, second = random()
    order = torch.randperm(len(first))
    moved = vicreg_terms(first[order] + 4, second[order] + 4)
    for name, value in vicreg_terms(first, second).items():
        torch.testing.assert_close(moved[name], value)


def test_collapse_costs_variance():
    terms = vicreg_terms(torch.ones(6, 4), torch.ones(6, 4))
    assert terms["invariance"] == 0
    assert terms["variance"].item() == pytest.approx(0.99)


def test_gradient():
    first, second = (values.clone().requires_grad_() for values in random(size=5))
    assert torch.autograd.gradcheck(total, (first, second))
