from __future__ import annotations

import numpy as np
import pytest

from mmaq.sentinel2.offsets import contradiction

LAND = np.arange(250, 3250)  # reflectance x 10,000 of woods, water and roofs


@pytest.mark.parametrize(
    ("offset", "baseline", "dn"),
    [
        (-1000, "05.09", LAND + 1000),
        (0, "02.14", LAND),
        (0, "05.09", LAND),  # the mirror has taken the 1000 away
        (0, "02.14", LAND + 5000),  # snow
        (-1000, "05.09", np.zeros(9, int)),
        (-1000, "05.09", np.r_[LAND + 1000, np.full(30, 850)]),  # 1 % overcorrected
    ],
)
def test_an_offset_that_fits_is_left_alone(offset, baseline, dn):
    assert contradiction(offset, baseline, [dn[:7], dn[7:]]) is None


@pytest.mark.parametrize(
    ("offset", "baseline", "dn", "fault"),
    [
        (-1000, "05.09", LAND, "boa_offset -1000, but 22% of the DN are below 900"),
        (0, "05.09", LAND + 1000, "boa_offset 0, but the darkest DN of baseline 05.09 is 1250"),
    ],
)
def test_an_offset_that_the_dn_contradict_is_named(offset, baseline, dn, fault):
    assert contradiction(offset, baseline, [dn.reshape(30, 100)]) == fault
