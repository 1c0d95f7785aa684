"""What the level-3 file says of itself."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from mmaq.sentinel5p.stage import grid as merge_parts
from mmaq.sentinel5p.stage import grid_part
from tests.sentinel5p.archives import YEAR
from tests.sentinel5p.granules import COLUMN, product_name


def test_the_output_says_what_it_is(tmp_path, archive, config):
    grid_part(archive=archive, config=config, start=YEAR[0], end=YEAR[1], out=tmp_path / "part.nc")
    merge_parts(parts=[tmp_path / "part.nc"], config=config, out=tmp_path / "l3.nc")
    with xr.open_dataset(tmp_path / "l3.nc") as l3:
        assert l3.attrs["Conventions"] == "CF-1.11 HARP-1.0"
        assert l3.attrs["filters"] == "qa_value > 0.75"
        assert l3.attrs["processor_versions"] == "2.4.0 (4)"
        assert l3.attrs["granules"] == len(l3["granule"]) == 4
        line = f"{product_name(1)} (processor 2.4.0, collection 03)"
        assert l3["granule"].to_numpy()[0].decode() == line
        assert l3.attrs["time_coverage_start"] == "2021-01-01T11:00:00Z"
        assert 0 < l3.attrs["pixels_used"] < l3.attrs["pixels_read"] == 480
        assert l3[COLUMN].attrs["units"] == "mol m-2"
        name = "troposphere_mole_content_of_nitrogen_dioxide"
        assert l3[COLUMN].attrs["standard_name"] == name
        assert l3[f"{COLUMN}_standard_error"].attrs["standard_name"] == f"{name} standard_error"
        assert l3[COLUMN].dims == ("latitude", "longitude")
        assert l3[COLUMN].encoding["zlib"]
        for axis, first, last in (("latitude", 50, 51.5), ("longitude", 4, 6)):
            bounds = l3[l3[axis].attrs["bounds"]].to_numpy()
            assert bounds[0, 0] == pytest.approx(first)
            assert bounds[-1, 1] == pytest.approx(last)
            np.testing.assert_allclose(bounds.mean(axis=1), l3[axis])
        empty = l3["count"].to_numpy() == 0
        np.testing.assert_array_equal(np.isnan(l3[COLUMN].to_numpy()), empty)
        np.testing.assert_array_equal(l3["weight"].to_numpy() == 0, empty)
        assert (l3[f"{COLUMN}_standard_error"].to_numpy() < l3[COLUMN].to_numpy())[~empty].all()
