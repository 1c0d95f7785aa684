"""Lists of names hold what the literals hold, and each room knows all of them."""

from __future__ import annotations

from typing import get_args

import pytest

from mmaq import vocabulary
from mmaq.report import names
from mmaq.vocabulary import (
    LEADING,
    METHODS,
    METRICS,
    PROTOCOLS,
    REFERENCES,
    SELF_SUPERVISED,
    SPLITS,
    SUPERVISED,
    TASKS,
    TRANSFER_REFERENCES,
    TRANSFER_TASKS,
    Learned,
    MethodName,
    Pollutant,
    Pretrained,
    Protocol,
    Reference,
    Split,
    SupervisedName,
    TransferTask,
)


def flat(literal):
    """The names of a literal, those of the literals within it too."""
    return [str(name) for name in get_args(literal)]


def test_methods_are_those_of_the_literals():
    literals = [*flat(MethodName), *flat(Pretrained), *flat(Learned), *flat(SupervisedName)]
    assert set(METHODS) == set(literals)


def test_references_are_those_of_the_literal_of_transfer_and_trees_on_embeddings():
    of_transfer = [name for names in TRANSFER_REFERENCES.values() for name in names]
    assert set(REFERENCES) == {*flat(Reference), *of_transfer, "gbm_embedding"}


def test_every_transfer_task_has_references_and_a_metric_to_compare_by():
    assert set(TRANSFER_REFERENCES) == set(LEADING) == set(TRANSFER_TASKS)
    assert set(LEADING.values()) <= set(METRICS)


def test_protocols_are_the_heads_and_the_ways_of_training():
    assert set(PROTOCOLS) == {*flat(Protocol), "frozen"}


def test_splits_and_tasks_are_those_of_the_literals():
    assert list(SPLITS) == flat(Split)
    assert list(TASKS) == [*flat(Pollutant), *flat(TransferTask)]


def test_no_name_is_of_a_method_and_of_a_reference():
    assert not set(METHODS) & set(REFERENCES)


LISTS = [name for name, value in vars(vocabulary).items() if isinstance(value, tuple)]


@pytest.mark.parametrize("name", LISTS)
def test_no_list_names_one_thing_twice(name):
    found = getattr(vocabulary, name)
    assert len(found) > 1
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (names.METHODS, (*METHODS, *REFERENCES)), (names.PROTOCOLS, PROTOCOLS),
        (names.SPLITS, SPLITS), (names.TASKS, TASKS), (names.METRICS, METRICS),
    ],
)  # fmt: skip
def test_the_report_has_words_for_every_name(words, known):
    assert set(words) == set(known)


def test_every_method_can_be_made():
    from mmaq.learn.stage import METHODS as made

    assert set(made) == set(SELF_SUPERVISED) == set(vocabulary.TRAINED)


def test_every_reference_of_transfer_can_be_asked():
    from mmaq.transfer.references import INPUTS
    from mmaq.transfer.references import METHODS as made

    assert {name for names in TRANSFER_REFERENCES.values() for name in names} == set(made)
    assert set(made) == set(INPUTS)


def test_every_supervised_network_can_be_made():
    from mmaq.learn.networks import NETWORKS

    assert set(NETWORKS) == set(SUPERVISED)
