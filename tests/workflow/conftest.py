"""The whole workflow, run once on a tiny land in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.forked import run_snakemake

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.yaml")


class Workflow:
    """Snakemake in a folder, with the Snakefile and the package of a project: this one."""

    def __init__(self, folder, project=ROOT):
        self.folder, self.project = folder, project

    def run(self, *arguments, config=TINY, cores=2):
        given = [
            *arguments, "--snakefile", self.project / "Snakefile", "--directory", self.folder,
            "--profile", "none", "--cores", cores, "--configfile", config,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(self.project)}
        return run_snakemake(given, self.project, self.project, environment)


@pytest.fixture(scope="session")
def workflow(tmp_path_factory):
    """The tiny land, built from nothing to the report."""
    made = Workflow(tmp_path_factory.mktemp("workflow"))
    done = made.run("all")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return made
