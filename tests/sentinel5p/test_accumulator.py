"""Granule by granule, in any order and grouping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaq.base.errors import ProductError
from mmaq.config.data import Grid
from mmaq.sentinel5p.accumulator import Accumulator
from mmaq.sentinel5p.grid import RegularGrid
from tests.sentinel5p.granules import make_footprints, random_quads

GRID = RegularGrid.from_config(Grid(bbox=(4.0, 50.0, 6.0, 51.5), resolution=0.05))
SQUARE = ([4.5, 4.55, 4.55, 4.5], [50.5, 50.5, 50.55, 50.55])
CELL = (10, 10)


def accumulate(granules):
    sums = Accumulator.empty(GRID)
    for granule in granules:
        sums.add(granule)
    return sums


@given(st.integers(0, 2**32 - 1), st.permutations(range(6)), st.integers(0, 6))
@settings(max_examples=20, deadline=None)
def test_order_and_grouping_do_not_matter(seed, order, cut):
    rng = np.random.default_rng(seed)
    granules = [
        make_footprints(*random_quads(rng, 40), rng.normal(0, 1e-4, 40), name=f"granule {n}")
        for n in range(6)
    ]
    one = accumulate(granules)
    other = accumulate([granules[n] for n in order[cut:]])
    other.merge(accumulate([granules[n] for n in order[:cut]]))
    touched = one.cells["count"] > 0
    absolute = accumulate(
        [replace(granule, value=abs(granule.value)) for granule in granules]
    ).mean()
    assert (abs(one.mean() - other.mean())[touched] <= 1e-12 * absolute[touched]).all()
    np.testing.assert_allclose(one.cells["weight"], other.cells["weight"], rtol=1e-12)
    np.testing.assert_allclose(one.standard_error(), other.standard_error(), rtol=1e-12)
    np.testing.assert_array_equal(one.cells["count"], other.cells["count"])
    assert (one.used, one.refused, one.pixels) == (other.used, other.refused, other.pixels)
    assert {str(g) for g in one.granules} == {str(g) for g in other.granules}


def test_the_standard_error_is_that_of_a_weighted_mean():
    lon, lat = zip(SQUARE, ([4.5, 4.525, 4.525, 4.5], SQUARE[1]), strict=True)
    sums = accumulate([make_footprints(lon, lat, [1e-4, 4e-4], [1e-5, 3e-5])])
    assert sums.mean()[CELL] == pytest.approx((1e-4 + 0.5 * 4e-4) / 1.5, rel=1e-6)
    expected = np.hypot(1e-5, 0.5 * 3e-5) / 1.5
    assert sums.standard_error()[CELL] == pytest.approx(expected, rel=1e-6)


def test_one_footprint_without_precision_leaves_its_cells_without_standard_error():
    sums = accumulate([make_footprints([SQUARE[0]] * 2, [SQUARE[1]] * 2, [1, 1], [1e-5, np.nan])])
    assert np.isnan(sums.standard_error()[CELL])
    assert sums.mean()[CELL] == 1


def test_cells_without_a_footprint_are_missing():
    sums = accumulate([make_footprints(*SQUARE, [1.0])])
    assert np.isfinite(sums.mean()).sum() == np.isfinite(sums.standard_error()).sum() == 1


def test_memory_does_not_depend_on_the_number_of_granules():
    many = accumulate([make_footprints(*SQUARE, [1.0], name=str(n)) for n in range(20)])
    assert many.cells.nbytes == accumulate([]).cells.nbytes


def test_a_granule_given_twice_is_refused():
    sums = accumulate([make_footprints(*SQUARE, [1.0])])
    with pytest.raises(ProductError, match=r"granule: the granule is given twice\. Give it once\."):
        sums.merge(accumulate([make_footprints(*SQUARE, [1.0])]))


def test_another_unit_is_refused():
    sums = accumulate([make_footprints(*SQUARE, [1.0])])
    other = replace(make_footprints(*SQUARE, [1.0], name="b"), units="molec/cm2")
    with pytest.raises(ProductError, match=r"b: its unit 'molec/cm2' differs from the 'mol m-2'"):
        sums.add(other)


def test_another_grid_is_a_bug_of_the_caller():
    other = RegularGrid(4.0, 50.0, 0.1, 20, 15)
    with pytest.raises(ValueError, match="is not"):
        Accumulator.empty(GRID).merge(Accumulator.empty(other))
