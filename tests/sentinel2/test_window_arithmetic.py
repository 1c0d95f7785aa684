from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.sentinel2.resample import Axis, fits, window_start

lengths = st.integers(1, 11000)
sizes = st.integers(1, 300)


@settings(deadline=None)
@given(
    origin=st.floats(-1e7, 1e7), pixel=st.sampled_from([10.0, 20.0, 60.0, 100.0]),
    length=lengths, size=sizes, share=st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_a_window_that_fits_lies_on_the_raster_and_holds_its_site(
    origin, pixel, length, size, share
):
    axis = Axis(origin, pixel, length)
    site = origin + share * length * pixel
    start = window_start(np.array([site]), axis, size)
    first, last = start[0], start[0] + size
    centre = origin + (first + last) / 2 * pixel
    assert abs(site - centre) <= pixel / 2 * (1 + 1e-6) + 1e-6
    if fits(start, axis, size)[0]:
        assert first >= 0
        assert last <= length


@settings(deadline=None)
@given(length=lengths, size=sizes, start=st.integers(-400, 11400))
def test_every_window_that_leaves_the_raster_is_refused(length, size, start):
    inside = set(range(start, start + size)) <= set(range(length))
    assert fits(np.array([start]), Axis(0.0, 10.0, length), size)[0] == inside


@settings(deadline=None)
@given(size=sizes, column=st.integers(200, 800), within=st.floats(0.01, 0.99))
def test_the_site_lies_in_a_central_pixel(size, column, within):
    axis = Axis(4e5, 10.0, 1000)
    start = int(window_start(np.array([4e5 + (column + within) * 10]), axis, size)[0])
    central = {(size - 1) // 2, size // 2}
    assert column - start in central


@settings(deadline=None)
@given(shift=st.integers(-500, 500), size=sizes, place=st.floats(0, 9999))
def test_moving_site_and_raster_together_changes_nothing(shift, size, place):
    here = window_start(np.array([place]), Axis(0.0, 10.0, 1000), size)
    moved = window_start(np.array([place + shift * 1280.0]), Axis(shift * 1280.0, 10.0, 1000), size)
    assert abs(int(here[0]) - int(moved[0])) <= (1 if _near_edge(place, size) else 0)


def _near_edge(place, size):
    """Whether rounding may fall either way."""
    return abs((place / 10 - size / 2 + 0.5) % 1 - 0.5) > 0.4999
