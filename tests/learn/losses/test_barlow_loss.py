from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.learn.losses.barlow import barlow_twins, cross_correlation, off_diagonal, standardise

LAMBDA = 0.0051


def term(first, second):
    return barlow_twins(cross_correlation(standardise(first), standardise(second)), LAMBDA)


def reference(first, second, lambda_off=LAMBDA):
    """Equation 1 and 2 of the paper, written with loops over dimensions."""
    a, b = (np.asarray(z, dtype=float) for z in (first, second))
    a = (a - a.mean(0)) / np.sqrt(a.var(0) + 1e-5)
    b = (b - b.mean(0)) / np.sqrt(b.var(0) + 1e-5)
    total = 0.0
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            c = np.mean(a[:, i] * b[:, j])
            total += (1 - c) ** 2 if i == j else lambda_off * c**2
    return total


@pytest.mark.parametrize("shape", [(5, 3), (16, 8), (33, 6)])
def test_equals_the_reference(shape):
    rng = np.random.default_rng(0)
    first, second = rng.normal(2, 3, (2, *shape))
    found = term(torch.from_numpy(first), torch.from_numpy(second))
    assert found.item() == pytest.approx(reference(first, second), rel=1e-10)


def test_equals_lightly():
    lightly = pytest.importorskip("lightly.loss")
    first, second = torch.randn(2, 32, 16)
    expected = lightly.BarlowTwinsLoss(lambda_param=LAMBDA)(first, second)
    torch.testing.assert_close(term(first, second), expected, rtol=1e-4, atol=1e-4)


@given(gain=st.floats(0.5, 20), offset=st.floats(-50, 50), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_does_not_change_under_affine_maps_or_order(gain, offset, seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    order = torch.randperm(12, generator=generator)
    expected = term(first, second)
    torch.testing.assert_close(term(first * gain + offset, second), expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(term(first[order], second[order]), expected)
    torch.testing.assert_close(term(second, first), expected)


def test_equal_views_leave_only_the_redundancy():
    values = torch.randn(64, 4, dtype=torch.float64)
    correlation = cross_correlation(standardise(values), standardise(values))
    expected = LAMBDA * off_diagonal(correlation)
    torch.testing.assert_close(barlow_twins(correlation, LAMBDA), expected, rtol=1e-3, atol=1e-6)


def test_gradient():
    first, second = torch.randn(2, 6, 4, dtype=torch.float64)
    first.requires_grad_()
    second.requires_grad_()
    assert torch.autograd.gradcheck(term, (first, second))


def test_constant_projections_stay_finite():
    first = torch.ones(8, 4, requires_grad=True)
    value = term(first, torch.randn(8, 4))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(first.grad).all()


def test_half_precision_projections_are_correlated_in_single_precision():
    first, second = torch.randn(2, 64, 8)
    assert standardise(first.bfloat16()).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = term(first, second)
    torch.testing.assert_close(inside, term(first, second))
