"""What `make check` says of a clean clone, with the versions that `make setup` installs."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    "tool", [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)], ids=" ".join
)
def test_it_finds_nothing(request, tool):
    """Types too: a newer library's own types may contradict ours."""
    done = subprocess.run(
        [sys.executable, "-m", *tool], cwd=request.config.rootpath, capture_output=True,
        encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
