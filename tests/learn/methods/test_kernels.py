"""Autocast, channels-last and torch.compile against float32 in the usual layout, over some steps.

They change kernels and may change the last bits, not what is learned. Tolerances are shares of the
first loss, for the loss of each step; what was measured when they were set stands beside them. On
a CPU: the kernels of a GPU are others.
"""

from __future__ import annotations

import pytest
import torch

from mmaq.learn.lars import make_lars
from mmaq.learn.models.convolution import Convolution
from tests.learn.methods.tiny import make, make_views, make_whole, norms_alone

NAMES = ("mmaq", "barlow_twins")
SIZE, STEPS = 32, 3

BF16 = 0.05  # 0.028
LAYOUT = {"mmaq": 1e-4, "barlow_twins": 2e-3}  # 2e-6; 1e-3 of Barlow Twins without AVX-512
FIRST = 1e-4  # of the first loss, before any step: 2e-6
COMPILED = 1e-5  # 0


def channels_last(view):
    return {
        name: values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values
        for name, values in view.items()
    }


def losses(method, *, half=False, last=False, compiled=False, steps=STEPS):
    """The loss of each of some steps of training, and the type of the weights' gradients."""
    layout = torch.channels_last if last else torch.contiguous_format
    method = method.to(memory_format=layout)
    views = make_views(method.modalities, size=SIZE)
    if last:
        views = tuple(channels_last(view) for view in views)
    if compiled:
        method.compile(backend="aot_eager")
    optimiser, found = make_lars(method, 1.0, 0.01, 1e-6), []
    for _ in range(steps):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            loss = method(*views)["loss"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(loss.detach())
    assert {p.grad.dtype for p in method.parameters()} == {torch.float32}
    return torch.stack(found)


def assert_close(found, expected, share):
    torch.testing.assert_close(found, expected, rtol=0.0, atol=share * expected[0].item())


@pytest.fixture(scope="module", params=NAMES)
def plain(request):
    """A method's name and its losses in float32."""
    return request.param, losses(make_whole(request.param))


def test_the_loss_moves_by_more_than_any_tolerance(plain):
    """Else agreement would say nothing of the steps."""
    first, *_, final = plain[1]
    assert first - final > 2 * BF16 * first


def test_autocast(plain):
    name, expected = plain
    found = losses(make_whole(name), half=True)
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected), "nothing was in half precision"
    assert_close(found, expected, BF16)


def test_channels_last(plain):
    name, expected = plain
    found = losses(make_whole(name), last=True)
    assert_close(found[:1], expected[:1], FIRST)
    assert_close(found, expected, LAYOUT[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_compiled(name, monkeypatch):
    """Traced by dynamo and AOT autograd and run by eager kernels: inductor takes minutes here.

    Compared with torch's convolutions, as they are on a GPU and in a graph.
    """
    torch._dynamo.reset()
    found = losses(make(name), compiled=True)
    monkeypatch.setattr(Convolution, "comes_out", lambda *_: False)
    expected = losses(make(name))
    assert torch._dynamo.utils.counters["frames"]["ok"] > 0
    assert not torch._dynamo.utils.counters["graph_break"]
    assert_close(found, expected, COMPILED)


@pytest.mark.parametrize("name", NAMES)
def test_accumulated_gradients_are_of_the_mean_loss_and_not_of_the_joined_batch(name):
    """Correlations are those of a batch, so halves of one are no substitute for the whole.

    That is why there is no setting that accumulates: several devices share a batch instead, and
    their losses see all of it (test_distributed_methods.py).
    """
    method = norms_alone(make(name))
    views = make_views(method.modalities, size=SIZE)
    halves = [
        [{key: values.chunk(2)[half] for key, values in view.items()} for view in views]
        for half in range(2)
    ]
    weights = [p for p in method.parameters() if p.requires_grad]

    def gradients():
        found = torch.cat([p.grad.flatten() for p in weights])
        method.zero_grad()
        return found

    for half in halves:
        (method(*half)["loss"] / 2).backward()
    accumulated = gradients()
    torch.stack([method(*half)["loss"] for half in halves]).mean().backward()
    torch.testing.assert_close(accumulated, gradients(), rtol=1e-4, atol=1e-6)
    method(*views)["loss"].backward()
    whole = gradients()
    assert (accumulated - whole).norm() > 0.1 * whole.norm()
