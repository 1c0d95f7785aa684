"""Names and places of tiles, and which tile a site belongs to."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaq.config.data import Period
from mmaq.simulate.sensors.scenery import assign_tiles, tile_of
from mmaq.simulate.sensors.scenes import passes, scenes_of


@pytest.mark.parametrize(
    ("square", "name", "west", "north"),
    [  # corners as in the metadata of real products of these tiles
        ((4, 55), "32UMA", 399960.0, 5600040.0),
        ((5, 59), "32UNE", 499980.0, 6000000.0),
        ((6, 53), "32UPU", 600000.0, 5400000.0),
        ((5, 62), "32VNH", 499980.0, 6300000.0),
    ],
)
def test_tiles_are_the_missions_own(square, name, west, north):
    tile = tile_of(*square)
    assert (tile.name, tile.west, tile.north) == (name, west, north)


@given(st.lists(st.tuples(st.floats(200e3, 799e3), st.floats(5.6e6, 6.2e6)), min_size=1))
def test_every_site_lies_well_inside_exactly_one_tile(points):
    x, y = np.array(points).T
    members = assign_tiles(x, y)
    assert sorted(np.concatenate(list(members.values())).tolist()) == list(range(len(x)))
    for tile, found in members.items():
        assert (tile.depth(x[found], y[found]) > 4800).all()


def test_scenes_have_official_names_and_one_is_clear():
    year = Period(start=date(2021, 1, 1), end=date(2021, 12, 31))
    for square in ((4, 58), (6, 58)):
        scenes = scenes_of(tile_of(*square), 1, year, 3)
        assert len({scene.id for scene in scenes}) == 3
        assert min(scene.cloud for scene in scenes) <= 0.12
        assert (scenes[-1].time - scenes[0].time).days > 60
        for scene in scenes:
            assert len(scene.id) == 60
            assert f"_N0500_R{scene.orbit:03d}_T{scene.tile.name}_" in scene.id
            assert scene.sun[0] < 80
            assert 90 < scene.sun[1] < 180


def test_tiles_differ_in_dates_and_dates_follow_the_orbit():
    year = Period(start=date(2021, 1, 1), end=date(2021, 12, 31))
    one, two = (scenes_of(tile_of(5, row), 1, year, 3) for row in (58, 59))
    assert [s.time for s in one] != [s.time for s in two]
    days = passes(65, year)
    assert {s.time.date() for s in one} <= set(days)
    assert {(b - a).days for a, b in pairwise(days)} == {5}
    # A real acquisition: S2B over orbit 65 on 2018-04-17.
    spring = Period(start=date(2018, 4, 15), end=date(2018, 4, 19))
    assert passes(65, spring) == [date(2018, 4, 17)]
    assert scenes_of(tile_of(5, 58), 1, spring, 1)[0].satellite == "S2B"


def test_bad_dates_are_about_a_quarter():
    year = Period(start=date(2021, 1, 1), end=date(2021, 12, 31))
    sky = [s.cloud for n in range(60) for s in scenes_of(tile_of(4, 58), n, year, 3)]
    assert 0.15 < np.mean(np.array(sky) >= 0.6) < 0.32
