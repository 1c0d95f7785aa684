"""The one loop that trains networks on labels, against a plain one."""

from __future__ import annotations

import math
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from torch import nn

from mmaq.config.evaluation import Finetune, Supervised
from mmaq.learn.fit import END, cosine_with_warmup, fit, layer_groups, predict

COUNT = 23


def make_model():
    """A kernel that lies channels last in memory, and a linear head: (n, 4) to (n, 1)."""
    generator = torch.Generator().manual_seed(1)
    kernel = nn.Conv2d(2, 3, (1, 2)).to(memory_format=torch.channels_last)
    model = nn.Sequential(nn.Unflatten(1, (2, 1, 2)), kernel, nn.Flatten(), nn.Linear(3, 1))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


def make_samples():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(COUNT, 4, generator=generator), torch.randn(COUNT, generator=generator)


def noisy_error(model):
    """The squared error with noise on the inputs, as augmentation is."""
    x, y = make_samples()

    def loss(part, generator):
        noise = torch.randn(len(part), 4, generator=generator)
        return (model(x[part] + 0.1 * noise).squeeze(1) - y[part]).square().mean()

    return loss


@pytest.mark.parametrize(
    "config",
    [
        Finetune(epochs=3, batch_size=5, precision="float32"),
        Finetune(epochs=3, batch_size=5, precision="bf16"),
        Supervised(epochs=5, precision="float32"),
    ],
)
def test_it_is_a_plain_loop_of_adamw_along_a_cosine(config):
    model, plain = make_model(), make_model()
    rate = 0.05
    fit(noisy_error(model), [{"params": model.parameters(), "lr": rate}], COUNT, config, seed=7)

    parts = max(1, COUNT // config.batch_size)
    steps = config.epochs * parts
    rise = round(0.1 * steps)
    optimiser = torch.optim.AdamW(plain.parameters(), rate, weight_decay=config.weight_decay)
    generator = torch.Generator().manual_seed(7)
    loss, step, clipped = noisy_error(plain), 0, 0
    for _ in range(config.epochs):
        order = torch.randperm(COUNT, generator=generator)
        for numbers in np.array_split(np.arange(COUNT), parts):
            if step < rise:
                share = (step + 1) / (rise + 1)
            else:
                angle = math.pi * (step - rise) / max(steps - rise, 1)
                share = END + (1 - END) * 0.5 * (1 + math.cos(angle))
            optimiser.param_groups[0]["lr"] = rate * share
            optimiser.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bf16"):
                error = loss(order[numbers], generator)
            error.backward()
            gradients = [weight.grad for weight in plain.parameters()]
            norm = math.sqrt(sum(float(each.square().sum()) for each in gradients))
            clipped += norm > 1
            for each in gradients:
                each.mul_(min(1.0, 1.0 / (norm + 1e-6)))
            optimiser.step()
            step += 1
    assert step == steps
    assert clipped
    before = make_model()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(value, before.state_dict()[name])


@pytest.mark.parametrize(("count", "size"), [(1, 8), (7, 8), (8, 8), (17, 8), (33, 8), (70, 16)])
def test_each_sample_comes_once_an_epoch_in_even_batches(count, size):
    weight = nn.Parameter(torch.zeros(1))
    seen = []

    def loss(part, generator):
        seen.append(part.tolist())
        return (weight - 1.0).square().sum()

    fit(loss, [{"params": [weight], "lr": 0.1}], count, Finetune(epochs=2, batch_size=size), 0)
    each = len(seen) // 2
    for epoch in (seen[:each], seen[each:]):
        assert sorted(chain.from_iterable(epoch)) == list(range(count))
        lengths = [len(part) for part in epoch]
        assert max(lengths) - min(lengths) <= 1
        assert min(lengths) >= min(size, count)
    if count > 1:
        assert seen[:each] != seen[each:]


def test_the_order_comes_from_the_seed_alone():
    def order(seed):
        weight, seen = nn.Parameter(torch.zeros(1)), []

        def loss(part, generator):
            seen.extend(part.tolist())
            return weight.square().sum()

        torch.rand(3)  # torch's own state has no part in it
        fit(loss, [{"params": [weight], "lr": 0.1}], 30, Finetune(epochs=1, batch_size=8), seed)
        return seen

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_the_cosine_rises_to_the_peak_and_ends_at_its_share():
    shares = [cosine_with_warmup(step, 100, 10) for step in range(101)]
    np.testing.assert_allclose(shares[:11], np.arange(1, 12) / 11)
    assert all(later < former for former, later in pairwise(shares[10:]))
    assert shares[55] == pytest.approx((1 + END) / 2)
    assert shares[100] == pytest.approx(END)
    assert cosine_with_warmup(0, 1, 0) == 1.0


def test_rates_rise_from_the_first_layer_to_the_last():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    groups = layer_groups(model, 1e-3, 0.01)
    np.testing.assert_allclose([group["lr"] for group in groups], [1e-5, 1e-4, 1e-3])
    assert [id(each) for group in groups for each in group["params"]] == [
        id(each) for each in model.parameters()
    ]
    assert layer_groups(nn.Linear(2, 2), 1e-3, 0.01)[0]["lr"] == pytest.approx(1e-5)


class Corner(nn.Module):
    """What it says depends on how an image lies."""

    def forward(self, inputs):
        return inputs["s2"][:, 0, 0, 1] + inputs["s2"][:, 0, 2, 2] ** 2 + inputs["table"][:, 0]


class Stations:
    """Made-up images and tables, read as ``Reads`` does."""

    def __init__(self, images):
        self.images, self.table = images, torch.arange(len(images), dtype=torch.float32)[:, None]

    def load(self, rows):
        return {"s2": self.images[rows], "table": self.table[rows]}


def test_a_prediction_is_the_mean_over_the_eight_orientations():
    images = torch.randn(5, 2, 3, 3, generator=torch.Generator().manual_seed(4))
    found = predict(Corner(), Stations(images), torch.arange(5))
    turns = [
        image
        for quarter in range(4)
        for image in (images.rot90(quarter, (2, 3)), images.rot90(quarter, (2, 3)).flip(3))
    ]
    loads = [{"s2": turn, "table": Stations(images).table} for turn in turns]
    expected = torch.stack([Corner()(load) for load in loads]).mean(dim=0)
    torch.testing.assert_close(found, expected)
    for turn in turns:
        torch.testing.assert_close(predict(Corner(), Stations(turn), torch.arange(5)), found)
