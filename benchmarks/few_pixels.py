"""How long a step of fine-tuning takes with torch's convolutions and with ours.

    python -m benchmarks.few_pixels [--batch 64] [--size 32] [--steps 15]

The same step (forward, backward, clipping, fused AdamW) of a ResNet-18 on one thread, in turn with
``nn.Conv2d``, with :class:`mmaq.learn.models.convolution.Convolution`, and with the taps of its
kernels that such images reach alone (``only_reached``), so that whatever else the machine does
slows all. Prints the medians in milliseconds and their ratios to the first.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from mmaq.learn.devices import cpu_threads, precision_of
from mmaq.learn.fit import CLIP, as_stored
from mmaq.learn.models.convolution import Convolution, only_reached
from mmaq.learn.models.encoders import make_resnet
from mmaq.vocabulary import BANDS

WARM = 2
"""Steps before the clock starts."""


def with_torchs(network: nn.Module) -> nn.Module:
    """The same network with torch's convolutions."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, Convolution):
            module.__class__ = nn.Conv2d
    return network


def step_of(network: nn.Module, images: Tensor, half: bool) -> Callable[[], None]:
    """A step of the loop in ``mmaq.learn.fit``."""
    weights = list(network.parameters())
    twins = [nn.Parameter(as_stored(weight.detach())) for weight in weights]
    optimiser = torch.optim.AdamW(twins, lr=1e-4, fused=True)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            loss = network(images).float().square().mean()
        for weight in weights:
            weight.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        for weight, twin in zip(weights, twins, strict=True):
            twin.grad = None if weight.grad is None else as_stored(weight.grad)
        optimiser.step()

    return step


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("batch", 64), ("size", 32), ("steps", 15)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    half = precision_of("auto") == "bf16"
    torch.manual_seed(0)
    network = make_resnet("resnet18", len(BANDS)).to(memory_format=torch.channels_last).eval()
    images = torch.randn(given.batch, len(BANDS), given.size, given.size)
    reached = copy.deepcopy(network)
    with cpu_threads(1), only_reached(reached, images):
        networks = with_torchs(network), network, reached
        steps = [step_of(each, images, half) for each in networks]
        seconds = []
        for _ in range(WARM + given.steps):
            began = [time.perf_counter()]
            for step in steps:
                step()
                began.append(time.perf_counter())
            seconds.append(np.diff(began))
    torchs, ours, few = 1e3 * np.median(seconds[WARM:], axis=0)
    print(
        f"batch {given.batch}, {given.size} px, {'bf16' if half else 'float32'}: torch's "
        f"{torchs:.0f} ms, ours {ours:.0f} ms: {ours / torchs:.2f}, "
        f"reached taps alone {few:.0f} ms: {few / torchs:.2f}"
    )


if __name__ == "__main__":
    main()
