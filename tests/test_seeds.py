"""No test rests on unseeded draws: each finds the generators as every other one does."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import SEED

FIRST = (
    random.Random(SEED).random(),
    np.random.RandomState(SEED).random(),
    torch.rand(1, generator=torch.Generator().manual_seed(SEED)).item(),
)

UNSEEDED = re.compile(r"\b(?:default_rng|Random|SystemRandom|RandomState|SeedSequence)\(\)")


def draw():
    legacy = np.random.random()  # noqa: NPY002
    return random.random(), legacy, torch.rand(1).item()


@pytest.fixture(scope="module")
def made_once():
    return draw()


@pytest.mark.parametrize("turn", [1, 2])
def test_draws_are_those_of_the_first_test(turn):
    assert draw() == FIRST


def test_a_fixture_that_is_made_once_draws_the_same_after_any_test(request):
    draw()
    assert request.getfixturevalue("made_once") == FIRST


def test_no_generator_of_a_test_is_without_a_seed():
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    assert len(sources) > 100
    unseeded = [
        f"{path.name}: {found[0]}"
        for path in sources
        if path != Path(__file__)
        for found in UNSEEDED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not unseeded
