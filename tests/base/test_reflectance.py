"""Which numbers can be DN, and what an image is that holds others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaq.base.reflectance import other_unit, possible


@given(st.integers(-1000, 65534))
def test_dn_with_their_offset_in_them_or_taken_off_are_possible(number):
    kinds = [kind for kind in (np.uint16, np.int16, np.int32, np.float32)
             if np.issubdtype(kind, np.floating)
             or np.iinfo(kind).min <= number <= np.iinfo(kind).max]  # fmt: skip
    for kind in kinds:
        assert possible(np.array([number], kind)).all()


@pytest.mark.parametrize("fill", [-9999, -32768, 65535, 1e20, -3.4e38, np.nan, np.inf, -np.inf])
def test_fill_values_are_not(fill):
    assert not possible(np.array([fill])).any()


def test_fill_values_do_not_hide_another_unit():
    pixels = np.random.default_rng(0).uniform(0.01, 0.9, (12, 32, 32)).astype(np.float32)
    pixels[:, :5] = -9999
    told = f"values up to {pixels.max():.4g} are reflectance of 0 to 1, not DN"
    assert other_unit(pixels) == told
