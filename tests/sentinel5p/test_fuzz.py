"""Damaged granules, none of which may crash, hang or give a wrong grid unsaid."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NUMBER = 300
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_damaged_granules_are_refused_or_harmless(tmp_path):
    command = [sys.executable, "-m", "tests.sentinel5p.fuzz", str(tmp_path)]
    done = subprocess.run(
        [*command, "--number", str(NUMBER)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["bad"] == []
    assert sum(found["total"].values()) == NUMBER
    assert found["total"]["refused"] > NUMBER / 2
    for kind in ("missing variable", "wrong shape", "all fill", "flipped, with a checksum"):
        assert set(found["by kind"][kind]) == {"refused"}
