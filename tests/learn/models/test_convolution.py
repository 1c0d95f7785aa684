"""The convolution that multiplies matrices is torch's, in values, gradients and names."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmaq.learn.models.convolution import Convolution, only_reached, with_few_pixels


@settings(max_examples=60, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 5), pad=st.integers(0, 2),
    height=st.integers(1, 6), width=st.integers(1, 6), last=st.booleans(),
)  # fmt: skip
def test_values_and_gradients_are_those_of_torch(kernel, stride, pad, height, width, last):
    if min(height, width) + 2 * pad < kernel:
        return
    torch.manual_seed(0)
    theirs = nn.Conv2d(3, 4, kernel, stride, pad, bias=False).double()
    ours = Convolution.of(copy.deepcopy(theirs))
    if last:
        ours = ours.to(memory_format=torch.channels_last)
    image = torch.randn(2, 3, height, width, dtype=torch.double)
    images = image.clone().requires_grad_(), image.clone().requires_grad_()
    out = theirs(images[0]), ours(images[1])
    torch.testing.assert_close(out[1], out[0])
    direction = torch.randn_like(out[0])
    for one in out:
        (one * direction).sum().backward()
    torch.testing.assert_close(images[1].grad, images[0].grad)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_it_multiplies_only_where_few_pixels_come_out(monkeypatch):
    """Up to four forwards; up to sixteen backwards, where torch's kernel makes the values."""
    seen = []
    conv = Convolution(2, 2, 3, stride=2, padding=1, bias=False)
    theirs = nn.Conv2d.forward
    monkeypatch.setattr(
        nn.Conv2d, "forward",
        lambda self, image: seen.append(tuple(image.shape[-2:])) or theirs(self, image),
    )  # fmt: skip
    made = {}
    for size in range(1, 11):
        image = torch.zeros(1, 2, size, size, requires_grad=True)
        made[size] = conv(image).grad_fn.name()
    assert seen == [(9, 9), (10, 10)]
    assert len({made[size] for size in (1, 2, 3, 4)}) == 1
    assert len({made[size] for size in (5, 6, 7, 8)}) == 1
    assert made[4] != made[5] != made[9]


def test_a_graph_has_the_convolution_of_torch():
    """A compiler has kernels of its own, and would trace every tap."""
    called = []

    def keep(graph, _):
        called.extend(node.target for node in graph.graph.nodes if node.op == "call_function")
        return graph

    conv, image = Convolution(2, 2, 3, padding=1, bias=False), torch.randn(3, 2, 2, 2)
    found = torch.compile(conv, backend=keep, fullgraph=True)(image)
    assert called == [torch.conv2d]
    torch.testing.assert_close(found, conv(image))


def test_what_is_multiplied_backwards_alone_has_the_values_of_torch_to_the_bit():
    torch.manual_seed(0)
    theirs = nn.Conv2d(8, 8, 3, padding=1, bias=False)
    image = torch.randn(2, 8, 4, 4)
    assert torch.equal(Convolution.of(theirs)(image), theirs(image))
    with torch.autocast("cpu", torch.bfloat16):  # there it was never measured: torch's as it is
        image.requires_grad_()
        assert Convolution.of(theirs)(image).grad_fn.name() == theirs(image).grad_fn.name()


def test_it_computes_in_the_precision_of_autocast():
    conv = Convolution(64, 8, 3, padding=1, bias=False)
    image = torch.randn(2, 64, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        out = conv(image)
    assert out.dtype == torch.bfloat16
    assert not torch.equal(out.float(), conv(image))
    torch.testing.assert_close(out.float(), conv(image), atol=0.03, rtol=0.03)
    out.float().sum().backward()
    assert conv.weight.grad.dtype == torch.float32


def test_sums_over_taps_are_not_rounded_at_each():
    torch.manual_seed(0)
    theirs = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    ours = Convolution.of(theirs)
    images = torch.randn(32, 64, 2, 2)
    exact = theirs(images)
    with torch.autocast("cpu", torch.bfloat16):
        errors = [(conv(images).float() - exact).square().mean().sqrt() for conv in (ours, theirs)]
    assert errors[0] < 1.2 * errors[1]


def test_names_weights_and_draws_stay():
    around = nn.Conv2d(4, 4, 3, padding=1, bias=False, padding_mode="circular")
    same = nn.Conv2d(4, 4, 3, padding="same", bias=False)
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=False), nn.Conv2d(4, 4, 3, groups=4), around, same
    )  # fmt: skip
    before = copy.deepcopy(network.state_dict())
    torch.manual_seed(3)
    with_few_pixels(network)
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(3)))
    assert [type(module) for module in network] == [Convolution, *[nn.Conv2d] * 3]
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("size", [32, 64])
def test_a_resnet_gives_what_it_gave(size):
    from mmaq.learn.models.encoders import make_resnet

    network = make_resnet("resnet18", 3).eval()
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        ours = network(images)
        for module in network.modules():
            if isinstance(module, Convolution):
                module.__class__ = nn.Conv2d
        torch.testing.assert_close(ours, network(images), rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5]), stride=st.integers(1, 3), pad=st.integers(0, 2),
    height=st.integers(1, 4), width=st.integers(1, 4),
)  # fmt: skip
def test_only_the_taps_that_images_reach_are_parameters(kernel, stride, pad, height, width):
    """Values are the same, gradients those of these taps; the others have gradients of zero."""
    if min(height, width) + 2 * pad < kernel:
        return
    torch.manual_seed(0)
    conv = Convolution(3, 4, kernel, stride, pad, bias=False).double()
    image = torch.randn(2, 3, height, width, dtype=torch.double)
    out = conv(image)
    out.square().sum().backward()
    before, whole, slope = conv.weight, conv.weight.detach().clone(), conv.weight.grad.clone()
    with only_reached(conv, image):
        (row, column), (high, wide) = conv.first, conv.weight.shape[2:]
        taps = slice(None), slice(None), slice(row, row + high), slice(column, column + wide)
        again = conv(image)
        torch.testing.assert_close(again, out)
        again.square().sum().backward()
        if conv.weight is not before:
            torch.testing.assert_close(conv.weight.grad, slope[taps])
            with torch.no_grad():
                conv.weight += 1.0
            whole[taps] += 1.0
            slope[taps] = 0.0
            assert not slope.any()
    assert conv.weight is before
    assert torch.equal(conv.weight, whole)


def test_a_resnet_for_small_patches_has_far_fewer_parameters_within():
    from mmaq.learn.models.encoders import make_resnet

    network = make_resnet("resnet18", 3)
    whole = sum(weight.numel() for weight in network.parameters())
    names = [name for name, _ in network.named_parameters()]
    with only_reached(network, torch.randn(1, 3, 32, 32)):
        assert [name for name, _ in network.named_parameters()] == names
        assert sum(weight.numel() for weight in network.parameters()) < 0.5 * whole
        assert network.training
    with only_reached(network, torch.randn(1, 3, 256, 256)):
        assert sum(weight.numel() for weight in network.parameters()) == whole
