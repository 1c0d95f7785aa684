"""Sums over what lies around places, against every pair written out."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from mmaq.base.geo import EARTH_RADIUS_KM
from mmaq.landuse.sums import Points, groups, in_space, potential, sums

RNG = np.random.default_rng(5)
LON, LAT = RNG.uniform(6, 9, 4000), RNG.uniform(50, 52, 4000)
PEOPLE = RNG.pareto(1.2, 4000) * 1000
WHERE = in_space(RNG.uniform(7, 8, 30), RNG.uniform(50.5, 51.5, 30))


def written_out(points, places, scale, reach):
    far = np.linalg.norm(places[:, None] - points.xyz[None], axis=-1)
    return np.where(far <= reach * scale, np.exp(-far / scale), 0.0) @ points.weights


@pytest.mark.parametrize("scale", [2, 10, 60])
def test_a_potential_is_the_sum_over_all_pairs(scale):
    points = Points.at(LON, LAT, PEOPLE)
    found = potential(points, WHERE, scale, 4.0)
    # Gathered to a quarter of the scale, which moves a point by an eighth of it.
    expected = written_out(points, WHERE, scale, 4.0)
    np.testing.assert_allclose(np.log1p(found), np.log1p(expected), atol=0.06)
    assert np.abs(np.log1p(found) - np.log1p(expected)).mean() < 0.015


def test_ungathered_sums_are_exact_for_any_kernel_and_kind_of_weight():
    points = Points.at(LON, LAT, np.column_stack([PEOPLE, np.ones(4000)]))
    found = sums(points, WHERE, 20.0, lambda far: [(far > 5.0) * 1.0, far])
    far = np.linalg.norm(WHERE[:, None] - points.xyz[None], axis=-1)
    near = far <= 20.0
    np.testing.assert_allclose(found[:, 0], (near & (far > 5.0)) @ points.weights)
    np.testing.assert_allclose(found[:, 1], np.where(near, far, 0.0) @ points.weights)


def test_there_is_no_seam_and_no_pole():
    """The same scene at 7 E, across the antimeridian and over the pole."""
    points = Points.at(LON, LAT, PEOPLE)
    before = potential(points, WHERE, 10, 4.0)
    for turn in (
        Rotation.from_euler("z", 173, degrees=True),
        Rotation.from_euler("y", -39, degrees=True),
    ):
        moved = Points(turn.apply(points.xyz), points.weights)
        after = potential(moved, turn.apply(WHERE), 10, 4.0)
        np.testing.assert_allclose(np.log1p(after), np.log1p(before), atol=0.1)


def test_what_a_place_gets_does_not_depend_on_which_others_are_asked():
    points = Points.at(LON, LAT, PEOPLE)
    together = potential(points, WHERE, 25, 4.0)
    alone = np.concatenate([potential(points, WHERE[[row]], 25, 4.0) for row in range(len(WHERE))])
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_gathering_keeps_weights_and_their_centre():
    points = Points.at(LON, LAT, PEOPLE)
    few = points.gathered(20.0)
    assert len(few.xyz) < 400
    assert few.weights.sum() == pytest.approx(PEOPLE.sum())
    np.testing.assert_allclose(
        (few.weights * few.xyz).sum(0), (points.weights * points.xyz).sum(0), rtol=1e-9
    )
    assert len(Points.at(LON, LAT, 0 * PEOPLE).gathered(1.0).xyz) == 0


def test_groups_hold_every_place_once():
    rows = np.concatenate(list(groups(WHERE, 30.0)))
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(WHERE)))
    assert np.linalg.norm(WHERE, axis=1) == pytest.approx(EARTH_RADIUS_KM)
