import numpy as np
import pytest

from mmaq.base.geo import in_box


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
