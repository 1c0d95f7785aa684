"""What a stage's own process imports, and what it does without."""

import subprocess
import sys

import pytest

GEOSPATIAL = [
    "rasterio", "geopandas", "xarray", "netCDF4", "shapely", "pyproj", "pyogrio", "pystac",
]  # fmt: skip


@pytest.mark.parametrize(
    ("stages", "absent"),
    [
        (
            "mmaq.learn.stage, mmaq.learn.loggers, mmaq.transfer.stage, mmaq.transfer.runs",
            [*GEOSPATIAL, "snakemake", "numba", "wandb", "tensorboard"],
        ),
        (
            "mmaq.sentinel5p.stage, mmaq.config.parts, "
            "mmaq.predict.stage, mmaq.map.stage, mmaq.transfer.references, mmaq.api, "
            "mmaq.estimators.trees, mmaq.estimators.stack, mmaq.estimators.ceilings",
            ["torch"],
        ),
    ],
    ids=["learning", "gridding, the workflow's settings and trees on tables"],
)
def test_a_stage_does_without_what_its_node_may_lack(stages, absent):
    code = f"import sys, {stages}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(absent) & set(done.stdout.split())
