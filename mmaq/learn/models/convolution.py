"""Convolutions that know when they are a few products of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FEW = 4
"""Pixels of an output up to which a product of matrices for each is faster than a convolution."""

Windows = list[tuple[slice, slice]]
"""For each position of an output along one side: what its window sees of the image, and with which
taps of the kernel. Taps on the padding meet zeros and are left out."""


class Convolution(nn.Conv2d):
    """``Conv2d`` that multiplies matrices where few pixels come out of it: the same values.

    Most taps of a kernel on so small an image lie on the padding. So it is in the last two stages
    of a ResNet for patches of up to 32 pixels, where oneDNN's kernels took half of a step's time
    (measured on a CPU, ResNet-18). A GPU's kernels are left as they are.
    """

    first = (0, 0)
    """Row and column of the kernel at which ``weight`` begins (``only_reached``)."""

    @classmethod
    def of(cls, conv: nn.Conv2d) -> Convolution:
        """The same convolution with the same weight; ``conv`` has one group and no bias."""
        with torch.device("meta"):  # draws nothing
            made = cls(
                conv.in_channels, conv.out_channels, conv.kernel_size,  # type: ignore[arg-type]
                conv.stride, conv.padding, bias=False,  # type: ignore[arg-type]
            )  # fmt: skip
        made.weight = conv.weight
        return made

    def forward(self, input: Tensor) -> Tensor:
        """(n, in, h, w) to (n, out, h', w')."""
        if not self.multiplies(input):
            return super().forward(input)
        rows, columns = self.windows(input)
        autocast = torch.is_autocast_enabled("cpu")
        precision = torch.get_autocast_dtype("cpu") if autocast else self.weight.dtype
        return _Products.apply(input, self.weight, rows, columns, precision)

    def windows(self, input: Tensor) -> tuple[Windows, Windows]:
        """Those of the rows and of the columns of ``input``, by the taps of ``weight``."""
        assert isinstance(self.padding, tuple)
        sides = zip(
            input.shape[-2:], self.kernel_size, self.padding, self.stride, self.first, strict=True
        )
        rows, columns = (windows(*side) for side in sides)
        return rows, columns

    def multiplies(self, input: Tensor) -> bool:
        """Whether few pixels come out of ``input``, on a CPU."""
        rows, columns = self.windows(input)
        return input.device.type == "cpu" and 0 < len(rows) * len(columns) <= FEW


def windows(size: int, kernel: int, pad: int, stride: int, tap: int = 0) -> Windows:
    """The windows of a convolution along a side of ``size`` pixels; taps count from ``tap``."""
    found = []
    for start in range(-pad, size + pad - kernel + 1, stride):
        first = max(start, 0)
        end = max(min(start + kernel, size), first)
        found.append((slice(first, end), slice(first - start - tap, end - start - tap)))
    return found


@contextmanager
def only_reached(network: nn.Module, images: object) -> Iterator[None]:
    """Within it the parameters of convolutions are the taps that images of one size reach.

    Out of a patch of 32 pixels one pixel comes at the end of a ResNet, and of its 3 x 3 kernels,
    most of the network's weights, the middle tap alone meets it: the rest has gradients of zero,
    whose making, norm and moments took a tenth of a step. They are left as they are, without
    weight decay.

    Args:
        network: its parameters are other ones within; afterwards they are those of before, with
            what was learned.
        images: what it is called with, of that size.
    """
    seen: dict[Convolution, tuple[slice, slice]] = {}

    def look(module: nn.Module, given: tuple[Tensor]) -> None:
        assert isinstance(module, Convolution)
        if module.multiplies(given[0]):
            rows, columns = (
                slice(min(tap.start for _, tap in side), max(tap.stop for _, tap in side))
                for side in module.windows(given[0])
            )
            seen[module] = rows, columns

    found = [module for module in network.modules() if isinstance(module, Convolution)]
    hooks = [module.register_forward_pre_hook(look) for module in found]
    training = network.training
    with torch.no_grad():
        network.eval()(images)
    network.train(training)
    for hook in hooks:
        hook.remove()
    whole = {module: module.weight for module in seen}
    for module, (rows, columns) in seen.items():
        taps = module.weight.detach()[:, :, rows, columns]
        module.weight = nn.Parameter(taps.clone(memory_format=torch.channels_last))
        module.first = rows.start, columns.start
    try:
        yield
    finally:
        for module, (rows, columns) in seen.items():
            with torch.no_grad():
                whole[module][:, :, rows, columns] = module.weight
            module.weight, module.first = whole[module], (0, 0)


class _Products(torch.autograd.Function):
    """A product of matrices for each pixel of the output.

    Autograd would fill a gradient of the kernel's size for each of the slices. Images and kernels
    are taken with their channels last, so that what is sliced lies together.
    """

    @staticmethod
    def forward(
        ctx: Any,
        image: Tensor,
        weight: Tensor,
        rows: Windows,
        columns: Windows,
        precision: torch.dtype,
    ) -> Tensor:
        pixels, taps = image.permute(0, 2, 3, 1).to(precision), weight.permute(0, 2, 3, 1)
        out = pixels.new_empty(len(image), len(rows), len(columns), len(weight))
        for i, (high, along) in enumerate(rows):
            for j, (wide, across) in enumerate(columns):
                kernel = taps[:, along, across].flatten(1).to(precision)
                out[:, i, j] = pixels[:, high, wide].flatten(1) @ kernel.t()
        ctx.save_for_backward(image, weight)
        ctx.given = rows, columns, precision
        return out.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        image, weight = ctx.saved_tensors
        rows, columns, precision = ctx.given
        pixels, taps = image.permute(0, 2, 3, 1).to(precision), weight.permute(0, 2, 3, 1)
        slopes = slope.permute(0, 2, 3, 1)
        of_pixels = torch.zeros(pixels.shape, dtype=image.dtype)
        of_taps = torch.zeros(taps.shape, dtype=weight.dtype)
        for i, (high, along) in enumerate(rows):
            for j, (wide, across) in enumerate(columns):
                one, seen = slopes[:, i, j], pixels[:, high, wide]
                kernel = taps[:, along, across]
                by_kernel = one @ kernel.flatten(1).to(precision)
                of_pixels[:, high, wide] += by_kernel.view(seen.shape)
                of_taps[:, along, across] += (one.t() @ seen.flatten(1)).view(kernel.shape)
        return of_pixels.permute(0, 3, 1, 2), of_taps.permute(0, 3, 1, 2), None, None, None


def with_few_pixels(network: nn.Module) -> nn.Module:
    """``network`` with a ``Convolution`` for each plain convolution; weights and names stay."""
    for name, module in network.named_children():
        if isinstance(module, nn.Conv2d) and _plain(module):
            setattr(network, name, Convolution.of(module))
        else:
            with_few_pixels(module)
    return network


def _plain(conv: nn.Conv2d) -> bool:
    return conv.groups == 1 and conv.dilation == (1, 1) and conv.bias is None
