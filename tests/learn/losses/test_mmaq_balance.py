"""Terms of MMAQ's loss per dimension, and the weights that balance them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.learn.fit import cosine_with_warmup
from mmaq.learn.lars import LARS
from mmaq.learn.losses.mmaq import (
    SIGMA_START,
    TERM_FLOOR,
    WEIGHTED,
    balance_terms,
    mmaq_terms,
    per_dimension,
    weigh_terms,
)
from tests.learn.losses.test_mmaq_loss import LAMBDA, NAMES, projections, reference

COMMON, UNIQUE = 6, 2
STEPS, WARMUP, BIAS_RATE, OWN_RATE = 120, 12, 0.0024, 0.5  # a default run, at its batch of 128


def terms_of(first, second, common=COMMON, width=COMMON + UNIQUE):
    found = mmaq_terms(first, second, common, LAMBDA)
    return per_dimension(found, common, width - common)


def weighted(losses):
    return dict(zip(WEIGHTED, torch.as_tensor(losses, dtype=torch.float64), strict=True))


@pytest.mark.parametrize("seed", [0, 1])
def test_terms_equal_the_reference_over_their_dimensions(seed):
    views = projections(seed=seed)
    found, whole = terms_of(*views), reference(*views)
    assert set(found) == set(whole)
    for name in NAMES:
        expected = whole[f"intra_{name}"] / 8
        assert found[f"intra_{name}"].item() == pytest.approx(expected, rel=1e-9)
    assert found["common"].item() == pytest.approx(whole["common"] / 6, rel=1e-9)
    assert found["unique"].item() == pytest.approx(whole["unique"] / 2, rel=1e-9)
    mean = whole["common"] / 12 + whole["unique"] / 4
    assert found["inter"].item() == pytest.approx(mean, rel=1e-9)


def test_terms_are_about_one_whatever_the_width():
    """Of unrelated projections, in a batch large enough for the off-diagonal to be small."""
    for width in (8, 64):
        views = projections(size=2000, width=width)
        found = terms_of(*views, width // 2, width)
        for name in (*(f"intra_{name}" for name in NAMES), "common"):
            assert found[name].item() == pytest.approx(1.0, abs=0.1), (width, name)


def test_terms_of_repeated_dimensions_are_those_of_one_set():
    """Twice the same dimensions, without the off-diagonal, is the same loss; a sum would double."""
    first, second = projections()
    twice = [{name: z.repeat(1, 2) for name, z in view.items()} for view in (first, second)]
    once, doubled = (mmaq_terms(*views, common, 0.0) for views, common in
                     (((first, second), 8), (twice, 16)))  # fmt: skip
    for name, value in per_dimension(once, 8, 0).items():
        torch.testing.assert_close(per_dimension(doubled, 16, 0)[name], value)


def test_balance_equals_its_formula():
    losses, log_variance = np.array([0.9, 0.5, 0.3, 0.4]), np.array([0.0, -1.0, 0.5, 2.0])
    expected = np.mean((losses + 1e-3) / np.exp(log_variance) + log_variance)
    found = balance_terms(weighted(losses), torch.from_numpy(log_variance))
    assert found.item() == pytest.approx(expected)


@given(
    start=st.lists(st.floats(-30, 30), min_size=4, max_size=4),
    losses=st.lists(st.floats(0, 1e4), min_size=4, max_size=4),
)
@settings(max_examples=200, deadline=None)
def test_bounded_below_for_any_weights_and_terms(start, losses):
    log_variance = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    value = balance_terms(weighted(losses), log_variance)
    value.backward()
    assert value.item() >= 1 + math.log(TERM_FLOOR) - 1e-9
    least = 1 + np.mean(np.log(np.array(losses) + TERM_FLOOR))
    assert value.item() >= least - 1e-9
    assert torch.isfinite(log_variance.grad).all()


def test_least_where_a_weight_is_its_term():
    losses = torch.tensor([0.9, 0.02, 0.0, 30.0], dtype=torch.float64)
    best = (losses + TERM_FLOOR).log().requires_grad_()
    value = balance_terms(weighted(losses), best)
    value.backward()
    torch.testing.assert_close(best.grad, torch.zeros(4, dtype=torch.float64))
    assert value.item() == pytest.approx(1 + best.mean().item())


def test_at_balance_a_term_pulls_by_its_relative_change():
    """In whatever unit a term is: its size makes no difference to the encoders."""
    pulls = []
    for unit in (1.0, 512.0):
        losses = (unit * torch.tensor([0.9, 0.5, 0.3, 0.4], dtype=torch.float64)).requires_grad_()
        at_balance = (losses.detach() + TERM_FLOOR).log()
        balance_terms(weighted(losses), at_balance).backward()
        pulls.append(losses.grad * losses.detach())
    torch.testing.assert_close(pulls[0], pulls[1], rtol=0.01, atol=0.0)


def run(loss, weights, rate, terms, momentum=0.9):
    """What a default run's optimiser makes of the weights of terms that stay as they are."""
    optimiser = LARS([{"params": [weights], "lr": rate, "adapt": False, "momentum": momentum}])
    for step in range(STEPS):
        optimiser.param_groups[0]["lr"] = rate * cosine_with_warmup(step, STEPS, WARMUP)
        optimiser.zero_grad()
        loss(terms, weights).backward()
        optimiser.step()
    return weights.detach()


def test_log_variances_arrive_within_a_run_and_sigma_does_not():
    """Terms as at the start of a default run: in sums over 512 dimensions, and over each."""
    sums = np.array([430.0, 281.0, 159.0, 229.0])
    sigma = torch.tensor(SIGMA_START, dtype=torch.float64, requires_grad=True)
    found = run(weigh_terms, sigma, BIAS_RATE, weighted(sums))
    best = torch.tensor(SIGMA_START, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([best], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        search.zero_grad()
        value = weigh_terms(weighted(sums), best)
        value.backward()
        return value

    search.step(closure)
    assert (found / best.detach() - 1).abs().max() > 0.3
    own = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    small = weighted(sums / 512)
    found = run(balance_terms, own, OWN_RATE, small, momentum=0.0)
    expected = torch.stack(list(small.values())) + TERM_FLOOR
    torch.testing.assert_close(found.exp(), expected, rtol=0.02, atol=0.0)


def test_gradients():
    first, second = projections(size=5, width=4)
    leaves = [z.requires_grad_() for view in (first, second) for z in view.values()]
    log_variance = torch.tensor([0.1, -0.8, 1.1, -2.0], dtype=torch.float64, requires_grad=True)

    def loss(log_variance, *values):
        views = (dict(zip(NAMES, part, strict=True)) for part in (values[:3], values[3:]))
        return balance_terms(terms_of(*views, common=3, width=4), log_variance)

    assert torch.autograd.gradcheck(loss, (log_variance, *leaves))
