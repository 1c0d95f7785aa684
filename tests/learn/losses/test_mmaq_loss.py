from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.learn.losses.mmaq import SIGMA_START, WEIGHTED, mmaq_terms, weigh_terms

NAMES = ("s2", "s5p", "table")
COMMON, LAMBDA = 6, 0.0051


def projections(size=10, width=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn((2, 3, size, width), generator=generator, dtype=torch.float64)
    return tuple(dict(zip(NAMES, view, strict=True)) for view in draw)


def reference(first, second, common=COMMON):
    """The loss of docs/method.md in NumPy."""

    def bn(z):
        z = z.numpy()
        return (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)

    def bt(c):
        eye = np.eye(len(c), dtype=bool)
        return ((1 - c[eye]) ** 2).sum() + LAMBDA * (c[~eye] ** 2).sum()

    def corr(a, b):
        return np.einsum("ni,nj->ij", bn(a), bn(b)) / len(a)

    terms = {f"intra_{name}": bt(corr(first[name], second[name])) for name in NAMES}
    com, uni = [], []
    for z in (first, second):
        c12, c13, c23 = (corr(z[a], z[b]) for a, b in itertools.combinations(NAMES, 2))
        com.append(
            np.trace(np.eye(common) - c12[:common, :common])
            + 0.025 / 2 * (bt(c13[:common, :common]) + bt(c23[:common, :common]))
        )
        rest = c12[common:, common:]
        diagonal = np.diag(rest)
        uni.append((diagonal**2).sum() + LAMBDA * ((rest**2).sum() - (diagonal**2).sum()))
    terms["common"], terms["unique"] = np.mean(com), np.mean(uni)
    terms["inter"] = (terms["common"] + terms["unique"]) / 2
    return terms


def terms_of(first, second):
    return mmaq_terms(first, second, COMMON, LAMBDA)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_terms_equal_the_reference(seed):
    first, second = projections(seed=seed)
    found = terms_of(first, second)
    expected = reference(first, second)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("name", NAMES)
def test_a_within_modality_term_sees_both_views_of_its_modality_alone(name):
    """The released code mixed up the order of the six arguments."""
    first, second = projections()
    before = terms_of(first, second)[f"intra_{name}"]
    for view, other in itertools.product((0, 1), NAMES):
        changed = [dict(first), dict(second)]
        changed[view][other] = torch.randn_like(first[other])
        after = terms_of(*changed)[f"intra_{name}"]
        assert (after == before).item() is (other != name)


def test_terms_are_symmetric_in_the_views():
    first, second = projections()
    there, back = terms_of(first, second), terms_of(second, first)
    for name, value in there.items():
        torch.testing.assert_close(back[name], value)


def test_terms_do_not_depend_on_order_or_affine_maps():
    first, second = projections()
    order = torch.randperm(10)
    moved = [{name: 3 * z[order] - 7 for name, z in view.items()} for view in (first, second)]
    expected = terms_of(first, second)
    for name, value in terms_of(*moved).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-4)


@given(seed=st.integers(0, 10_000), size=st.integers(2, 20))
@settings(max_examples=30, deadline=None)
def test_every_term_is_non_negative(seed, size):
    first, second = projections(size=size, seed=seed)
    second["s5p"] = -first["s2"]
    for name, value in terms_of(first, second).items():
        assert value.item() >= -1e-9, name


@given(
    sigma=st.lists(st.floats(-1e3, 1e3, width=32), min_size=4, max_size=4),
    losses=st.lists(st.floats(0, 1e4, width=32), min_size=4, max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_bounded_below_for_any_sigma(sigma, losses):
    terms = dict(zip(WEIGHTED, torch.tensor(losses), strict=True))
    weights = torch.tensor(sigma, requires_grad=True)
    value = weigh_terms(terms, weights)
    value.backward()
    assert value.item() >= 0
    assert torch.isfinite(value)
    assert torch.isfinite(weights.grad).all()


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e-4, 1.0, 1e4, 1e12, 1e18])
@pytest.mark.parametrize("worst", [0.0, 1e4])
@pytest.mark.parametrize("sign", [1, -1])
def test_bounded_below_at_extreme_sigmas(size, worst, sign):
    """One sigma is driven away while the others stay: no direction lowers the loss for ever."""
    terms = dict(zip(WEIGHTED, torch.tensor([worst, 1.0, 0.0, worst]), strict=True))
    for which in range(len(WEIGHTED)):
        sigma = torch.tensor(SIGMA_START)
        sigma[which] = sign * size
        sigma.requires_grad_()
        value = weigh_terms(terms, sigma)
        value.backward()
        assert value.item() >= 0
        assert torch.isfinite(value)
        assert torch.isfinite(sigma.grad).all()


def test_weighting_equals_its_formula():
    losses, sigma = np.array([3.0, 5.0, 2.0, 7.0]), np.array(SIGMA_START)
    expected = (
        (losses / sigma**2).sum() + np.log(1 + sigma**2).sum() + abs(2 - np.abs(sigma).sum())
    ) / 4
    terms = dict(zip(WEIGHTED, torch.from_numpy(losses), strict=True))
    assert weigh_terms(terms, torch.from_numpy(sigma)).item() == pytest.approx(expected)


def test_gradients():
    first, second = projections(size=5, width=4)
    leaves = [z.requires_grad_() for view in (first, second) for z in view.values()]
    sigma = torch.tensor([0.7, 0.8, 1.1, 0.9], dtype=torch.float64, requires_grad=True)

    def loss(sigma, *values):
        views = (dict(zip(NAMES, part, strict=True)) for part in (values[:3], values[3:]))
        return weigh_terms(mmaq_terms(*views, common=3, lambda_off=LAMBDA), sigma)

    assert torch.autograd.gradcheck(loss, (sigma, *leaves))
