from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmaq.config.learning import Pretrain
from mmaq.learn.fit import END, cosine_with_warmup
from mmaq.learn.lars import LARS, make_lars
from mmaq.learn.methods.mmaq import MMAQ


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))


def run(model, optimiser, steps=5):
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        batch = torch.randn(16, 4, generator=generator)
        optimiser.zero_grad()
        (model(batch) - batch.sum(1, keepdim=True)).square().mean().backward()
        optimiser.step()
    return [p.detach().clone() for p in model.parameters()]


def test_equals_lightly():
    theirs = pytest.importorskip("lightly.utils.lars")
    model, other = network(), network()
    found = run(model, make_lars(model, 0.3, 0.1, 1e-2))
    weights = [p for p in other.parameters() if p.ndim > 1]
    vectors = [p for p in other.parameters() if p.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": 1e-2},
        {"params": vectors, "lr": 0.1, "weight_decay": 0.0},
    ]
    expected = run(other, theirs.LARS(groups, lr=0.3, momentum=0.9, trust_coefficient=1e-3))
    for one, two in zip(found, expected, strict=True):
        torch.testing.assert_close(one, two)


def test_two_steps_equal_numpy():
    weight = nn.Parameter(torch.tensor([[3.0, -4.0]]))
    optimiser = LARS([{"params": [weight], "lr": 0.5, "weight_decay": 0.1}])
    w, velocity = np.array([[3.0, -4.0]]), 0.0
    for gradient in ([[1.0, 2.0]], [[-2.0, 0.5]]):
        weight.grad = torch.tensor(gradient)
        optimiser.step()
        g = np.array(gradient)
        ratio = 1e-3 * np.linalg.norm(w) / (np.linalg.norm(g) + 0.1 * np.linalg.norm(w))
        velocity = 0.9 * velocity + ratio * (g + 0.1 * w)
        w = w - 0.5 * velocity
    np.testing.assert_allclose(weight.detach().numpy(), w, rtol=1e-6)


def test_the_step_does_not_depend_on_the_scale_of_the_gradient():
    moved = []
    for scale in (1.0, 1e4):
        weight = nn.Parameter(torch.ones(3, 3))
        weight.grad = scale * torch.eye(3)
        LARS([{"params": [weight], "lr": 1.0}]).step()
        moved.append(weight.detach())
    torch.testing.assert_close(*moved)


def test_a_weight_or_gradient_of_zero_stays_finite():
    for start, gradient in ((torch.zeros(2, 2), torch.ones(2, 2)), (torch.ones(2, 2),) * 2):
        weight = nn.Parameter(start.clone())
        weight.grad = gradient * (start.sum() == 0)
        LARS([{"params": [weight], "lr": 0.1, "weight_decay": 0.0}]).step()
        assert torch.isfinite(weight).all()


def test_loss_weights_are_in_the_group_without_adaptation():
    method = MMAQ(Pretrain(projection=8, loss_form="intended"))
    adapted, plain = make_lars(method, 0.2, 0.0048, 1e-6).param_groups
    assert any(p is method.sigma for p in plain["params"])
    assert (plain["lr"], plain["weight_decay"], plain["adapt"]) == (0.0048, 0.0, False)
    assert all(p.ndim > 1 for p in adapted["params"])
    held = len(adapted["params"]) + len(plain["params"])
    assert held == len(list(method.parameters()))


def test_parameters_with_a_rate_of_their_own_are_in_a_group_each():
    method = MMAQ(Pretrain(projection=8))
    *others, own = make_lars(method, 0.2, 0.0048, 1e-6, method.own_rates()).param_groups
    assert [id(p) for p in own["params"]] == [id(method.log_variance)]
    assert (own["lr"], own["weight_decay"], own["adapt"], own["momentum"]) == (1.0, 0.0, False, 0.0)
    held = [id(p) for group in (*others, own) for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in method.parameters())


def test_closure_gives_the_loss():
    weight = nn.Parameter(torch.ones(1))
    optimiser = LARS([{"params": [weight], "lr": 0.1, "adapt": False}])

    def closure():
        optimiser.zero_grad()
        loss = weight.square().sum()
        loss.backward()
        return loss

    assert optimiser.step(closure).item() == 1.0
    assert weight.item() == pytest.approx(0.8)


@pytest.mark.parametrize(("steps", "warmup"), [(100, 10), (5, 0), (1, 0), (3, 3)])
def test_schedule_rises_then_falls(steps, warmup):
    shares = [cosine_with_warmup(step, steps, warmup) for step in range(steps + 1)]
    assert all(0 < share <= 1 for share in shares)
    assert shares[:warmup] == sorted(shares[:warmup])
    assert shares[warmup:] == sorted(shares[warmup:], reverse=True)
    assert shares[warmup] == 1.0
    if steps > warmup:
        assert shares[-1] == pytest.approx(END)


def test_schedule_halves_midway():
    assert cosine_with_warmup(60, 110, 10) == pytest.approx((1 + END) / 2)
