"""Every method under DistributedDataParallel against one process that holds the joined batch.

Batch norms are held at their running statistics: torch's SyncBatchNorm, which makes them global on
GPUs, has no CPU form, so its part is not covered here. All else is: encoders, projectors, losses,
averaged gradients, queue and centre.
"""

from __future__ import annotations

import pytest
import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from tests.learn.losses.two_processes import own_part, run_two
from tests.learn.methods.tiny import NAMES, make, make_views, norms_alone


def steps():
    """By method: loss, gradients and buffers after one step's two passes."""
    results = {}
    for name in NAMES:
        method = norms_alone(make(name))
        views = [
            {key: own_part(values) for key, values in view.items()}
            for view in make_views(method.modalities, size=8)
        ]
        wrapped = DistributedDataParallel(method) if dist.is_initialized() else method
        loss = wrapped(*views)["loss"]
        loss.backward()
        results[name] = {
            "loss": loss.detach(),
            "gradients": {k: p.grad for k, p in method.named_parameters() if p.requires_grad},
            "buffers": dict(method.named_buffers()),
        }
    return results


@pytest.fixture(scope="module")
def one():
    return steps()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return run_two(steps, tmp_path_factory.mktemp("gloo"))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_two_processes_make_the_step_of_one(one, two, name):
    expected = one[name]
    mean = (two[0][name]["loss"] + two[1][name]["loss"]) / 2
    torch.testing.assert_close(mean, expected["loss"], rtol=1e-4, atol=1e-5)
    for process in two:
        assert set(process[name]["gradients"]) == set(expected["gradients"])
        for key, gradient in expected["gradients"].items():
            found = process[name]["gradients"][key]
            assert (found - gradient).norm() <= 1e-3 * gradient.norm() + 1e-6, key
        for key, value in expected["buffers"].items():
            torch.testing.assert_close(process[name]["buffers"][key], value)
