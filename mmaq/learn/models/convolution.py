"""Convolutions that know when they are a product of matrices."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Convolution(nn.Conv2d):
    """``Conv2d`` that multiplies matrices where its output is a single pixel: the same values.

    The kernel then lies on the image once, and its taps on the padding meet zeros. So it is in
    the last stage of a ResNet for patches of up to 32 pixels, where oneDNN's kernels take half of
    a step's time (measured on a CPU, ResNet-18).
    """

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
        assert isinstance(self.padding, tuple)
        places = zip(input.shape[-2:], self.kernel_size, self.padding, self.stride, strict=True)
        if any(
            size + 2 * pad - kernel >= stride or pad >= kernel
            for size, kernel, pad, stride in places
        ):
            return super().forward(input)
        sides = zip(input.shape[-2:], self.kernel_size, self.padding, strict=True)
        high, wide = (min(size, kernel - pad) for size, kernel, pad in sides)
        top, left = self.padding
        seen = input[..., :high, :wide].flatten(1)
        taps = self.weight[..., top : top + high, left : left + wide].flatten(1)
        return functional.linear(seen, taps)[..., None, None]


def with_single_pixels(network: nn.Module) -> nn.Module:
    """``network`` with a ``Convolution`` for each plain convolution; weights and names stay."""
    for name, module in network.named_children():
        if isinstance(module, nn.Conv2d) and _plain(module):
            setattr(network, name, Convolution.of(module))
        else:
            with_single_pixels(module)
    return network


def _plain(conv: nn.Conv2d) -> bool:
    return conv.groups == 1 and conv.dilation == (1, 1) and conv.bias is None
