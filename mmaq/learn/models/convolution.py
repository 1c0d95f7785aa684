"""Convolutions that know when they are a few products of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

FEW, SOME = 4, 16
"""Pixels of an output up to which a product of matrices for each tap of the kernel is faster than
oneDNN's kernels: forwards and backwards; backwards alone, in float32."""


class Side(NamedTuple):
    """A convolution along one side of an image.

    Attributes:
        outputs: how many pixels come out.
        reach: for each tap, to which outputs it adds and which pixels it meets there. On the
            padding it meets zeros, which are left out: a tap may reach nothing.
    """

    outputs: int
    reach: list[tuple[slice, slice]]


class Convolution(nn.Conv2d):
    """``Conv2d`` that multiplies matrices where few pixels come out of it: the same values.

    Most taps of a kernel on so small an image lie on the padding. So it is in the last stages of a
    ResNet for patches of up to 64 pixels, where oneDNN's kernels took half of a step's time
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
        if not self.comes_out(input, SOME):
            return super().forward(input)
        autocast = torch.is_autocast_enabled("cpu")
        precision = torch.get_autocast_dtype("cpu") if autocast else self.weight.dtype
        if self.comes_out(input, FEW):
            return _ByTaps.apply(input, self.weight, *self.sides(input), precision)
        if precision.itemsize < torch.float32.itemsize:
            return super().forward(input)
        given = self.stride, self.padding
        return _BackByTaps.apply(input, self.weight, *self.sides(input), given)

    def sides(self, input: Tensor) -> tuple[Side, Side]:
        """Rows and columns of ``input``, by the taps of ``weight``."""
        assert isinstance(self.padding, tuple)
        given = input.shape[-2:], self.kernel_size, self.padding, self.stride
        taps = self.first, self.weight.shape[-2:]
        rows, columns = (side(*one) for one in zip(*given, *taps, strict=True))
        return rows, columns

    def comes_out(self, input: Tensor, most: int) -> bool:
        """Whether 1 to ``most`` pixels come out of ``input``, on a CPU.

        Never in a graph (``torch.compile``, ``torch.export``): a compiler has kernels of its own.
        """
        if input.device.type != "cpu" or torch.compiler.is_compiling():
            return False
        rows, columns = self.sides(input)
        return 0 < rows.outputs * columns.outputs <= most


def side(size: int, kernel: int, pad: int, stride: int, first: int, taps: int) -> Side:
    """A convolution along ``size`` pixels, by ``taps`` taps of its kernel from ``first`` on."""
    outputs = max((size + 2 * pad - kernel) // stride + 1, 0)
    reach = []
    for tap in range(first - pad, first - pad + taps):
        begin = max(-(tap // stride), 0)
        end = max(min((size - 1 - tap) // stride + 1, outputs), begin)
        pixels = slice(begin * stride + tap, max(end * stride + tap, 0), stride)
        reach.append((slice(begin, end), pixels))
    return Side(outputs, reach)


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
        if module.comes_out(given[0], FEW):
            rows, columns = (_reached(side) for side in module.sides(given[0]))
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


def _reached(side: Side) -> slice:
    """From the first tap that reaches a pixel to the last."""
    found = [tap for tap, (outputs, _) in enumerate(side.reach) if outputs.start < outputs.stop]
    return slice(found[0], found[-1] + 1) if found else slice(0, 1)


def _gradients(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
    """Of the image and of the kernel, by a product of matrices for each tap."""
    image, weight = ctx.saved_tensors
    rows, columns, precision = ctx.given
    pixels, taps = _channels_last(image, precision), weight.permute(0, 2, 3, 1)
    slopes = slope.permute(0, 2, 3, 1)
    of_pixels = torch.zeros(pixels.shape, dtype=_of_sums(image.dtype))
    of_taps = torch.empty(taps.shape, dtype=weight.dtype)
    for (i, high, along), (j, wide, across) in _each(rows, columns):
        some, seen = slopes[:, high, wide].flatten(0, 2), pixels[:, along, across]
        of_pixels[:, along, across] += (some @ taps[:, i, j].to(precision)).view(seen.shape)
        of_taps[:, i, j] = some.t() @ seen.flatten(0, 2)
    of_image = of_pixels.to(image.dtype).permute(0, 3, 1, 2)
    return of_image, of_taps.permute(0, 3, 1, 2), None, None, None


class _ByTaps(torch.autograd.Function):
    """A product of matrices for each tap of the kernel.

    Images and kernels are taken with their channels last, so that the matrix of a tap need not be
    copied. Autograd would fill a gradient of the kernel's size for each of them.
    """

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, weight: Tensor, rows: Side, columns: Side, precision: torch.dtype
    ) -> Tensor:
        ctx.save_for_backward(image, weight)
        ctx.given = rows, columns, precision
        pixels, taps = _channels_last(image, precision), weight.permute(0, 2, 3, 1)
        shape = len(image), rows.outputs, columns.outputs, len(weight)
        out = torch.zeros(shape, dtype=_of_sums(precision))
        for (i, high, along), (j, wide, across) in _each(rows, columns):
            out[:, high, wide] += pixels[:, along, across] @ taps[:, i, j].to(precision).t()
        return out.to(precision).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return _gradients(ctx, slope)


class _BackByTaps(torch.autograd.Function):
    """torch's convolution, with the gradients of the other."""

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, weight: Tensor, rows: Side, columns: Side, given: tuple[Any, Any]
    ) -> Tensor:
        ctx.save_for_backward(image, weight)
        ctx.given = rows, columns, weight.dtype
        return functional.conv2d(image, weight, None, *given)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return _gradients(ctx, slope)


def _channels_last(image: Tensor, precision: torch.dtype) -> Tensor:
    return image.permute(0, 2, 3, 1).to(precision)


def _of_sums(precision: torch.dtype) -> torch.dtype:
    """In bf16 a sum would be rounded at each tap."""
    return torch.promote_types(precision, torch.float32)


def _each(rows: Side, columns: Side) -> Iterator[Any]:
    """Each tap of a kernel: its row and column, each with what it reaches there."""
    along = [(number, *reach) for number, reach in enumerate(rows.reach)]
    across = [(number, *reach) for number, reach in enumerate(columns.reach)]
    return product(along, across)


def with_few_pixels(network: nn.Module) -> nn.Module:
    """``network`` with a ``Convolution`` for each plain convolution; weights and names stay."""
    for name, module in network.named_children():
        if isinstance(module, nn.Conv2d) and _plain(module):
            setattr(network, name, Convolution.of(module))
        else:
            with_few_pixels(module)
    return network


def _plain(conv: nn.Conv2d) -> bool:
    padded = isinstance(conv.padding, tuple) and conv.padding_mode == "zeros"
    return padded and conv.groups == 1 and conv.dilation == (1, 1) and conv.bias is None
