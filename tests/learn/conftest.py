"""Fixtures of the learning room."""

from __future__ import annotations

import pytest

from tests.learn.training_country import TINY, make_country


@pytest.fixture(scope="session")
def country(tmp_path_factory):
    """8 stations and 20 unlabelled sites."""
    return make_country(tmp_path_factory.mktemp("country"), stations=8, unlabelled=20)


@pytest.fixture
def tiny():
    """A run of seconds."""
    return TINY
