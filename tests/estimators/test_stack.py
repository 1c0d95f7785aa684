"""Shares of a stack, against a search, and what a stack of estimators does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from mmaq.base.errors import Unavailable
from mmaq.contracts.sites import SITING
from mmaq.estimators import trees
from mmaq.estimators.base import Places
from mmaq.estimators.catalogue import reference
from mmaq.estimators.probes import TABLE, Ridge
from mmaq.estimators.stack import Stack, choose_shares
from mmaq.estimators.trees import Trees
from mmaq.vocabulary import AREAS, TYPES
from tests.estimators.stations_made_up import make_data
from tests.estimators.trainings import training_of

STACK = Stack(
    "stack_of_two", modalities="table", members=(Trees("trees"), Ridge("ridge", features=TABLE))
)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setitem(trees.BOOSTING, "num_iterations", 20)
    monkeypatch.setattr(trees, "ENSEMBLE", 1)


def error(shares, inside, target):
    return np.square(shares @ inside - target).mean()


@given(seed=st.integers(0, 2**32 - 1), members=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_shares_are_those_of_a_search(seed, members):
    rng = np.random.default_rng(seed)
    target = rng.normal(5, 1, 60)
    inside = target + rng.normal(
        rng.normal(0, 0.3, (members, 1)), rng.uniform(0.2, 2, (members, 1)), (members, 60)
    )
    shares = choose_shares(inside, target)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1.0)
    found = minimize(
        error, np.full(members, 1 / members), (inside, target), bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda each: each.sum() - 1}, method="SLSQP",
    )  # fmt: skip
    assert error(shares, inside, target) <= found.fun * (1 + 1e-3) + 1e-9


@given(seed=st.integers(0, 2**32 - 1), offset=st.floats(-100, 100), unit=st.floats(0.01, 100))
@settings(max_examples=25, deadline=None)
def test_neither_unit_nor_zero_matter_to_shares(seed, offset, unit):
    rng = np.random.default_rng(seed)
    target = rng.normal(5, 1, 50)
    inside = target + rng.normal(0, rng.uniform(0.2, 2, (3, 1)), (3, 50))
    expected = choose_shares(inside, target)
    found = choose_shares(unit * inside + offset, unit * target + offset)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_who_is_always_right_has_the_whole_share():
    target = np.arange(20.0)
    inside = np.stack([target[::-1], target, target + 1])
    np.testing.assert_allclose(choose_shares(inside, target), [0, 1, 0], atol=1e-6)


def test_a_stack_is_the_square_of_the_mean_of_its_members_roots(data):
    train = training_of(data)
    fitted = STACK.fit(train.take(np.arange(120)), seed=0)
    places = train.places.take(np.arange(120, 200))
    members = [member.mean(places) for member in fitted.members]
    roots = fitted.shares @ np.clip(
        members, *np.sqrt([train.target[:120].min(), train.target[:120].max()])
    )
    np.testing.assert_allclose(fitted.mean(places), np.maximum(roots**2 + fitted.lost, 0))
    # What is squared without a correction is too small on average.
    inside = STACK.out_of_fold(fitted, train.take(np.arange(120)), seed=0)
    assert inside.mean() == pytest.approx(train.target[:120].mean(), rel=1e-6)
    assert fitted.lost > 0


def test_what_is_unlike_all_stations_stays_within_what_was_measured(data):
    train = training_of(data)
    fitted = STACK.fit(train, seed=0)
    table = train.places.table
    odd = Places(table.assign(population_density=1e9, altitude=-1e6), train.places.store)
    ridge = fitted.members[1].mean(odd)
    assert (np.abs(ridge - np.sqrt(train.target).mean()) > 10 * np.ptp(np.sqrt(train.target))).all()
    assert (fitted.mean(odd) <= train.target.max() + fitted.lost).all()
    assert (fitted.mean(odd) >= 0).all()


def test_it_is_no_worse_out_of_fold_than_each_member(data):
    train = training_of(data)
    fitted = STACK.fit(train, seed=0)
    errors = {}
    for member, each in zip(STACK.members, fitted.members, strict=True):
        root = type(train)(train.places, np.sqrt(train.target), train.stations)
        found = member.out_of_fold(each, root, seed=0)
        errors[member.method] = np.square(found - root.target).mean()
    inside = np.sqrt(STACK.out_of_fold(fitted, train, seed=0) - fitted.lost)
    assert np.square(inside - np.sqrt(train.target)).mean() <= min(errors.values()) * (1 + 1e-6)


def test_without_images_a_stack_that_reads_them_says_so(tmp_path):
    data = make_data(tmp_path, size=40, absent=("s2", "s5p"))
    stack = Stack("stack", members=(Trees("trees", features="everything"),))
    with pytest.raises(Unavailable, match="no images"):
        stack.fit(training_of(data), seed=0)


def test_the_mappable_form_asks_for_nothing_but_the_type_of_what_networks_declare(data):
    train = training_of(data)
    fitted = reference("stack_without_mmaq_map").fit(train.take(np.arange(120)), seed=0)
    table = train.places.take(np.arange(120, 200)).table

    def mean(**declared):
        return fitted.mean(Places(table.assign(**declared), train.places.store))

    np.testing.assert_array_equal(mean(**dict.fromkeys((*AREAS, *SITING), 1.0)), mean())
    assert not np.allclose(mean(**{name: 1.0 - table[name] for name in TYPES}), mean())
