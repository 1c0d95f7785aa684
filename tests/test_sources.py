import subprocess
import sys
from pathlib import Path

import pytest

from mmaq.base.sources import PACKAGE, stage_sources

STAGES = {
    "grid": ["mmaq.sentinel5p"],
    "landuse": ["mmaq.landuse"],
    "patches": ["mmaq.patches.assemble", "mmaq.patches.published"],
    "pretrain": ["mmaq.learn.stage"],
    "references": ["mmaq.evaluate.stage"],
    "report": ["mmaq.report"],
}


def _names(stage):
    return {Path(path).resolve().relative_to(PACKAGE).as_posix() for path in stage_sources(*stage)}


@pytest.mark.parametrize("stage", STAGES)
def test_sources_hold_everything_that_python_imports(stage):
    code = f"""
import sys
{chr(10).join(f"import {module}" for module in STAGES[stage])}
print(*(m.__file__ for n, m in sys.modules.items() if n.startswith("mmaq.") and m.__file__))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {Path(path).relative_to(PACKAGE).as_posix() for path in out.stdout.split()}
    passive = {name for name in loaded if name.startswith(("config/", "logs", "layout", "sources"))}
    assert loaded - passive <= _names(STAGES[stage])


def test_a_stage_does_not_rest_on_rooms_it_does_not_use():
    assert not [name for name in _names(STAGES["grid"]) if name.startswith("learn/")]
    assert not [name for name in _names(STAGES["pretrain"]) if name.startswith("sentinel")]
    assert not [name for name in _names(STAGES["report"]) if name.startswith("learn/")]


@pytest.mark.parametrize(
    ("stage", "banned"),
    [
        ("pretrain", ["rasterio", "geopandas", "xarray", "netCDF4", "snakemake", "shapely"]),
        ("grid", ["torch"]),
    ],
)
def test_rooms_import_only_what_their_nodes_have(stage, banned):
    code = f"import sys, {', '.join(STAGES[stage])}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(banned) & set(out.stdout.split())
