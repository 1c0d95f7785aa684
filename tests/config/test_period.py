"""The period and the parts that it is cut into."""

from __future__ import annotations

import itertools
from datetime import date

import pytest

from mmaq.config.data import Period

PERIOD = Period(start=date(2020, 2, 10), end=date(2021, 3, 31))


@pytest.mark.parametrize(
    ("length", "number", "first", "last"),
    [
        ("day", 416, "2020-02-10", "2021-03-31"),
        ("month", 14, "2020M02", "2021M03"),
        ("quarter", 5, "2020Q1", "2021Q1"),
        ("year", 2, "2020", "2021"),
    ],
)
def test_parts_follow_each_other_and_make_up_the_period(length, number, first, last):
    parts = PERIOD.parts(length)
    assert (len(parts), next(iter(parts)), list(parts)[-1]) == (number, first, last)
    ends = list(parts.values())
    assert (ends[0][0], ends[-1][1]) == (PERIOD.start, PERIOD.end)
    for (_, before), (after, _) in itertools.pairwise(ends):
        assert (after - before).days == 1


def test_a_span_is_made_up_of_parts():
    assert PERIOD.parts_within("2020Q1", "month") == ["2020M02", "2020M03"]
    assert PERIOD.parts_within("2021", "quarter") == ["2021Q1"]
    assert len(PERIOD.parts_within("2020M02", "day")) == 20


@pytest.mark.parametrize(
    ("span", "length", "message"),
    [
        ("2020M02", "quarter", "2020M02 is shorter than a quarter"),
        ("2022", "month", "2022 is no year, quarter or month of the period"),
        ("lately", "month", "lately is no year, quarter or month of the period"),
    ],
)
def test_what_parts_do_not_make_up_is_refused(span, length, message):
    with pytest.raises(ValueError, match=message):
        PERIOD.parts_within(span, length)
