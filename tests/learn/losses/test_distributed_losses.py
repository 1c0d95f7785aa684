"""Every loss on two processes against one process that holds the joined batch."""

from __future__ import annotations

import pytest
import torch

from mmaq.learn.losses.distributed import batch_mean, gather
from tests.learn.losses.two_processes import BY_SAMPLE, GLOBAL, everything, run_two


@pytest.fixture(scope="module")
def one():
    return everything()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return run_two(everything, tmp_path_factory.mktemp("gloo"))


@pytest.mark.parametrize("name", [*GLOBAL, *BY_SAMPLE])
def test_mean_over_processes_is_the_joined_batch(one, two, name):
    """Data-parallel training averages gradients over processes, so their mean must be right."""
    for part in ("loss", "gradient"):
        expected = one[0][name][part]
        mean = (two[0][0][name][part] + two[1][0][name][part]) / 2
        torch.testing.assert_close(mean, expected, rtol=1e-10, atol=1e-12)
    assert one[0][name]["gradient"].abs().max() > 1e-4


@pytest.mark.parametrize("name", GLOBAL)
def test_losses_of_the_whole_batch_are_the_same_on_every_process(one, two, name):
    for results, _ in two:
        torch.testing.assert_close(results[name]["loss"], one[0][name]["loss"])


@pytest.mark.parametrize("name", ["queue", "centre"])
def test_states_are_those_of_the_joined_batch_on_every_process(one, two, name):
    for _, states in two:
        torch.testing.assert_close(states[name], one[1][name])


def test_on_one_process_gather_is_the_identity():
    values = torch.randn(3, 2)
    assert gather(values) is values
    torch.testing.assert_close(batch_mean(values), values.mean(dim=0))
