"""A pretended GPU: what lies on it has shape, type and device, and no values."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CUDA = torch.device("cuda")
COPY = torch.ops.aten._to_copy.default
VALUE = torch.ops.aten._local_scalar_dense.default


class PretendedGPU(TorchDispatchMode):
    """What is sent to "cuda" becomes a fake tensor; what stays on the host is real.

    Whatever reads the device, which a real one makes the host wait for, is counted in
    ``brought_back``: a copy to the host, which holds ones, and a single value (``.item()``,
    ``.tolist()``, ``if``), which is 1. What has a shape that rests on values (``nonzero``, a mask
    as an index) raises.
    """

    def __init__(self):
        super().__init__()
        self.brought_back = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        there = any(isinstance(value, FakeTensor) for value in tree_leaves((args, kwargs)))
        place = kwargs.get("device")
        asked = None if place is None else torch.device(place).type
        if there and func is VALUE:
            self.brought_back += 1
            with unset_fake_temporarily():
                return torch.ones((), dtype=args[0].dtype).item()
        if there and func is COPY and asked == "cpu":
            self.brought_back += 1
            with unset_fake_temporarily():
                return torch.ones(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if there or asked == "cuda":
            return func(*args, **kwargs)
        with unset_fake_temporarily():
            return func(*args, **kwargs)


@contextmanager
def pretended_gpu():
    """The GPU, for as long as it is there.

    torch believes in it as far as autocast and pinned memory go. Its way back through a graph
    needs a driver: here ``backward`` gives each weight that the loss rests on a gradient of ones.
    """
    driver = torch.cuda.is_available()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        # The fake mode asks in each operation, and each time torch looks for the driver anew.
        patch.setattr(torch.cuda, "is_available", lambda: driver)
        patch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
        patch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)
        patch.setattr(torch.Tensor, "pin_memory", lambda values: values)
        patch.setattr(torch.Tensor, "backward", fill_gradients)
        patch.setattr(torch.nn.Module, "_apply", change_tensors)
        # Copies of weights look for their address, which fake ones lack.
        warnings.filterwarnings("ignore", message="Accessing the data pointer of FakeTensor")
        # The fake mode below ours keeps torch from looking for a driver.
        with FakeTensorMode(allow_non_fake_inputs=True), PretendedGPU() as gpu:
            yield gpu


def fill_gradients(loss):
    """A gradient of ones for every leaf of the graph of ``loss``."""
    seen, left = set(), [loss.grad_fn]
    while left:
        node = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        left += [before for before, _ in node.next_functions]
        if hasattr(node, "variable"):
            node.variable.grad = torch.ones_like(node.variable)


def change_tensors(module, change, recurse=True):
    """What ``Module.to`` does: torch's own cannot put fake tensors into the place of real ones."""
    for part in module.modules() if recurse else [module]:
        for name, weight in part.named_parameters(recurse=False):
            part._parameters[name] = torch.nn.Parameter(change(weight.data), weight.requires_grad)
        for name, values in part.named_buffers(recurse=False):
            part._buffers[name] = change(values)
    return module


def on_device(value):
    """Whether a tensor lies on the pretended GPU."""
    return isinstance(value, FakeTensor) and value.device.type == "cuda"
