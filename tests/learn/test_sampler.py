from __future__ import annotations

from itertools import chain

import pytest

from mmaq.base.errors import ConfigError
from mmaq.learn.sites import GlobalBatches, global_batch, make_loader, share


def test_order_is_new_each_epoch_and_holds_every_site():
    step = [0]
    batches = GlobalBatches(30, 10, 1, lambda: step[0])
    first = list(batches)
    assert sorted(chain(*first)) == list(range(30))
    assert list(batches) == first
    step[0] = 3
    second = list(batches)
    assert sorted(chain(*second)) == list(range(30))
    assert second != first


def test_an_epoch_goes_on_at_the_step_it_was_left():
    step = [4]
    batches = GlobalBatches(50, 8, 1, lambda: step[0])
    assert len(batches) == 6
    rest = list(batches)
    step[0] = 0
    assert rest == list(batches)[4:]


def test_a_batch_is_never_larger_than_the_sites(tiny):
    assert global_batch(20, tiny, 1) == 8
    assert global_batch(5, tiny, 1) == 5
    assert global_batch(5, tiny, 2) == 4
    loader = make_loader(20, 8, 0, lambda: 0)
    assert [len(batch) for batch in loader] == [8, 8]


def test_the_shares_of_all_processes_are_the_batch():
    places = list(range(12))
    parts = [places[share(12, rank, 3)] for rank in range(3)]
    assert list(chain(*parts)) == places
    assert {len(part) for part in parts} == {4}


def test_a_batch_that_cannot_be_shared_is_refused(tiny):
    with pytest.raises(ConfigError, match="8 sites do not divide over 3 processes"):
        global_batch(20, tiny, 3)
