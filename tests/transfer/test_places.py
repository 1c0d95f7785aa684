"""Which scenes are of one place."""

from __future__ import annotations

import numpy as np

from mmaq.transfer.places import locations


def test_scenes_that_share_ground_share_a_location():
    lon = np.array([10.0, 10.001, 11.0, 10.0])
    lat = np.array([52.0, 52.0, 52.0, 52.02])
    a, b, c, d = locations(["a", "b", "c", "d"], lon, lat)
    assert a == b == d
    assert a != c


def test_equal_places_share_a_location():
    assert len(set(locations(["a", "b"], np.full(2, 8.0), np.full(2, 50.0)))) == 1


def test_without_georeference_the_name_before_the_date_is_the_place():
    names = ["training/X1_2020-05-01", "validation/X1_2019-07-09", "x/X2-20200501", "x/X3"]
    nowhere = np.full(4, np.nan)
    found = locations(names, nowhere, nowhere).tolist()
    assert found == ["name:X1", "name:X1", "name:X2", "name:X3"]


def test_the_antimeridian_parts_nothing():
    found = locations(["a", "b"], np.array([179.999, -179.999]), np.zeros(2))
    assert found[0] == found[1]
