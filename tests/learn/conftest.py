"""Fixtures of the learning room."""

from __future__ import annotations

import pytest

from mmaq.learn.stage import METHODS, pretrain
from mmaq.vocabulary import TRAINED
from tests.learn.linear_method import Linear
from tests.learn.training_country import TINY, make_country
from tests.once import made_once


@pytest.fixture(scope="session")
def country(tmp_path_factory):
    """8 stations and 20 unlabelled sites."""
    return make_country(tmp_path_factory.mktemp("country"), stations=8, unlabelled=20)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, country):
    """The folder of a whole run, with the settings ``TINY``."""

    def make(out):
        pretrain(store=country[0], sites=country[1], config=TINY, out=out)
        return out

    return made_once(tmp_path_factory, "finished", make)


@pytest.fixture
def tiny():
    """A run of seconds."""
    return TINY


@pytest.fixture
def linear(monkeypatch):
    """The linear method in the place of MMAQ, with settings at which it learns."""
    monkeypatch.setitem(METHODS, "mmaq", Linear)
    monkeypatch.setitem(TRAINED, "mmaq", ("s2", "table"))
    return TINY.model_copy(update={"learning_rate": 50.0, "bias_learning_rate": 0.1})
