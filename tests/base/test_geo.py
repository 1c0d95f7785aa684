import numpy as np
import pytest

from mmaq.base.geo import grown, in_box


@pytest.mark.parametrize(
    ("box", "inside", "outside"),
    [
        ((179.9, -17, -179.9, -16), (179.95, -179.95, 180.0, -180.0, 179.9, -179.9), (0, 179.8)),
        ((179.9, -17, 180.1, -16), (179.95, -179.95, 180.05), (-179.8, 0)),
        ((-180.1, -17, -179.9, -16), (179.95, -179.95), (-179.8, 179.8)),
        ((-180, -17, 180, -16), (0, 180, -180, 77), ()),
        ((3.0, -17, 5.0, -16), (3.0, 5.0, 4.0, 364.0), (2.9, 5.1, -4)),
    ],
)
def test_a_box_may_cross_the_antimeridian(box, inside, outside):
    for lons, expected in ((inside, True), (outside, False)):
        lon = np.array(lons, float)
        assert in_box(box, lon, np.full(len(lon), -16.5)).tolist() == [expected] * len(lon)
        assert not in_box(box, lon, np.full(len(lon), -15.0)).any()


def test_a_box_grows_by_kilometres_on_every_side():
    west, south, east, north = grown((10.0, 50.0, 12.0, 60.0), 111.195)
    assert (south, north) == pytest.approx((49.0, 61.0), abs=1e-5)
    # A degree of longitude is half as wide at 60 N, and narrower still at the northern edge.
    assert (10.0 - west, east - 12.0) == pytest.approx((1 / np.cos(np.radians(61)),) * 2, rel=1e-5)
    assert grown((0.0, 80.0, 1.0, 89.5), 111.195)[3] == 90.0
