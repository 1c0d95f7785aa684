"""Arrays in, a grid out, as in a notebook."""

from __future__ import annotations

import numpy as np
import pytest

from mmaq.sentinel5p.by_hand import grid_arrays
from tests.sentinel5p.granules import swath

BOX = (4.0, 50.0, 6.0, 51.5)


def test_a_swath_becomes_a_data_set():
    lon, lat = swath()
    value = np.random.default_rng(0).uniform(1, 2, lon.shape[:2])
    found = grid_arrays(lon, lat, value, BOX, 0.05, precision=0.1 * value)
    assert found["mean"].dims == ("latitude", "longitude")
    assert found["latitude"].to_numpy()[0] == pytest.approx(50.025)
    assert found["longitude"].attrs["units"] == "degrees_east"
    touched = found["count"].to_numpy() > 0
    mean = found["mean"].to_numpy()
    np.testing.assert_array_equal(np.isfinite(mean), touched)
    assert 1 <= np.nanmin(mean) <= np.nanmax(mean) <= 2
    uncorrelated, correlated = (
        found[f"mean_standard_error{end}"].to_numpy()[touched] for end in ("", "_correlated")
    )
    assert (uncorrelated <= correlated * (1 + 1e-6)).all()
    np.testing.assert_allclose(correlated, 0.1 * mean[touched], rtol=1e-6)


def test_missing_values_and_corners_are_left_out():
    lon, lat = swath(2, 2)
    value = np.array([[1.0, np.nan], [1.0, 1.0]])
    lon[1, 1, 0] = np.nan
    whole = grid_arrays(*swath(2, 2), np.ones((2, 2)), BOX, 0.05)["weight"].to_numpy().sum()
    part = grid_arrays(lon, lat, value, BOX, 0.05)["weight"].to_numpy().sum()
    assert part == pytest.approx(whole / 2, rel=1e-5)


def test_without_precision_the_error_is_unknown():
    found = grid_arrays(*swath(2, 2), np.ones((2, 2)), BOX, 0.05)
    assert np.isnan(found["mean_standard_error"].to_numpy()).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": np.ones((3, 2))}, "corners must be of the values' shape"),
        ({"precision": np.ones(4)}, "precision of the values'"),
        ({"resolution": 0.07}, "whole multiples of resolution"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    lon, lat = swath(2, 2)
    arguments = {"values": np.ones((2, 2)), "bbox": BOX, "resolution": 0.05} | change
    with pytest.raises(ValueError, match=message):
        grid_arrays(lon, lat, **arguments)
