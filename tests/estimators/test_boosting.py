import subprocess
import sys

import pytest

LOADED = """
from pathlib import Path
from mmaq.estimators.boosting import lightgbm
print(*{line.split()[-1] for line in Path("/proc/self/maps").open() if "libgomp.so.1" in line})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere LightGBM asks for another library")
def test_lightgbm_needs_no_openmp_library_of_the_system():
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()
    assert all("/torch/lib/" in path for path in done.stdout.split())
