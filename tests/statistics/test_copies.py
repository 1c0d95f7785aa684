"""Copies of stations are found by their place and by their image, and kept out of training."""

import numpy as np
import pytest

from mmaq.statistics.copies import find_copies
from mmaq.statistics.splits import Fold, Stations

METRE = 1 / 111_195  # degrees of latitude
SIZE = 60


@pytest.fixture
def land():
    """Places, images and the row of each station among them."""
    rng = np.random.default_rng(0)
    places = np.column_stack([rng.uniform(0, 12, SIZE), rng.uniform(46, 54, SIZE)])
    images = rng.integers(1, 9000, (SIZE, 8, 8)).astype(np.uint16)
    return places, images, rng.permutation(SIZE)


def _copied(land, stations, metres=0.0):
    """The same with those stations a second time, so far to the north."""
    places, images, rows = land
    twins = places[stations] + [0.0, metres * METRE]
    return np.vstack([places, twins]), images, np.r_[rows, rows[stations]]


def _by_place_alone(land, stations):
    """The copies have no image."""
    places, images, rows = _copied(land, stations, 40.0)
    return places, images, np.r_[rows[:SIZE], np.full(len(stations), -1)]


def _by_image_alone(land, stations):
    """The copies have places of their own."""
    places, images, rows = _copied(land, stations)
    places[SIZE:, 1] += np.arange(1, 1 + len(stations)) / 10
    return places, images, rows


def test_stations_of_their_own_are_no_copies(land):
    assert len(np.unique(find_copies(*land))) == SIZE


@pytest.mark.parametrize(
    "copy",
    [_copied, lambda *given: _copied(*given, metres=40.0), _by_place_alone, _by_image_alone],
    ids=["both", "40 m away", "the place alone", "the image alone"],
)
def test_a_copy_shares_its_number_and_is_left_out_of_training(land, copy):
    copied = copy(land, [5, 9])
    copies = find_copies(*copied)
    assert copies[5] == copies[60] != copies[9] == copies[61]
    assert len(np.unique(copies)) == SIZE
    test = np.arange(5, 25)
    fold = Fold(np.setdiff1d(np.arange(SIZE + 2), test), test)
    left = Stations(copied[0], copies).separate(fold)
    assert set(fold.train) - set(left.train) == {60, 61}
    np.testing.assert_array_equal(left.test, test)


def test_copies_of_a_third_are_copies(land):
    # 5 and 60 are at one place, 60 and 9 share an image.
    places, images, rows = _copied(land, [5])
    rows[60] = rows[9]
    copies = find_copies(places, images, rows)
    assert copies[5] == copies[60] == copies[9]
    assert len(np.unique(copies)) == SIZE - 1


def test_a_neighbour_is_no_copy(land):
    places, images, rows = _copied(land, [5], metres=60.0)
    rows[60] = len(images)
    images = np.concatenate([images, images[rows[5]][None] + np.uint16(1)])
    assert len(np.unique(find_copies(places, images, rows))) == SIZE + 1


def test_patches_without_contrast_are_no_copies(land):
    places, images, rows = land
    assert len(np.unique(find_copies(places, np.full_like(images, 1200), rows))) == SIZE


def test_without_coordinates_and_images_nothing_is_a_copy():
    missing = np.full((30, 2), np.nan), None, np.full(30, -1)
    assert len(np.unique(find_copies(*missing))) == 30
