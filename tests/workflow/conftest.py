"""The whole workflow, run once on a tiny land in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")


class Workflow:
    """Snakemake in a folder, with the Snakefile and the package of a project: this one."""

    def __init__(self, folder, project=ROOT):
        self.folder, self.project = folder, project

    def run(self, *arguments, config=TINY, cores=2):
        command = [
            sys.executable, "-m", "snakemake", *arguments,
            "--snakefile", str(self.project / "Snakefile"), "--directory", str(self.folder),
            "--profile", "none", "--cores", str(cores), "--configfile", str(config),
        ]  # fmt: skip
        # A module is looked for in the working folder first, then along this path.
        environment = {**os.environ, "PYTHONPATH": str(self.project)}
        return subprocess.run(
            command, cwd=self.project, env=environment, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="session")
def workflow(tmp_path_factory):
    """The tiny land, built from nothing to the report."""
    made = Workflow(tmp_path_factory.mktemp("workflow"))
    done = made.run("all")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return made
