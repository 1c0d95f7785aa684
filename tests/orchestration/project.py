"""A copy of this project in a folder and a repository of its own, with the smallest data set."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from mmaq.config.load import check_config
from tests.forked import run_snakemake

ROOT = Path(__file__).parents[2]
SMALLEST = Path(__file__).with_name("smallest.yaml")
CONFIG = "config/small.yaml"
COMPILED = (".pyc", ".nbi", ".nbc")
"""What Python and Numba have compiled already, which takes a copy ten seconds."""
TARGETS = ("results/small/benchmark.csv", "results/small/report.html")


class Project:
    """Runs programs in the folder; git and DVC have nothing of the user's settings."""

    def __init__(self, folder: Path):
        self.folder = folder

    @classmethod
    def copied(cls, folder: Path, **changes):
        """A copy of what git knows here, and a whole configuration of the smallest data set."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        for compiled in (ROOT / "mmaq").rglob("__pycache__/*"):
            if compiled.suffix in COMPILED:
                (folder / compiled.relative_to(ROOT)).parent.mkdir(exist_ok=True)
                shutil.copy2(compiled, folder / compiled.relative_to(ROOT))
        project = cls(folder)
        small = yaml.safe_load(SMALLEST.read_text())
        for section, values in changes.items():
            small[section] |= values
        whole = check_config(small, SMALLEST).model_dump(mode="json")
        (folder / CONFIG).write_text(yaml.safe_dump(whole, sort_keys=False))
        return project

    @property
    def environment(self):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        person = {"NAME": "A Tester", "EMAIL": "tester@example.org"}
        known = {f"GIT_{who}_{key}": value for who in ("AUTHOR", "COMMITTER")
                 for key, value in person.items()}  # fmt: skip
        ours = {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1", "PATH": path}
        own = {"DVC_SITE_CACHE_DIR": str(self.folder.parent / "site"), "DVC_NO_ANALYTICS": "1"}
        return {**os.environ, **known, **ours, **own, "GIT_CONFIG_GLOBAL": os.devnull}

    def run(self, *command, fails=False, **environment):
        """Run a program; gives all that it said."""
        done = subprocess.run(
            command, cwd=self.folder, text=True, check=False, env=self.environment | environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert (done.returncode != 0) == fails, f"{command}\n{done.stdout[-6000:]}"
        return done.stdout

    def mmaq(self, *arguments, **options):
        code = "from mmaq.cli import main; main()"
        return self.run(sys.executable, "-c", code, *arguments, **options)

    def git(self, *arguments):
        return self.run("git", *arguments)

    def dvc(self, *arguments, **options):
        return self.run("dvc", *arguments, **options)

    def snakemake(self, *arguments, targets=TARGETS):
        given = [*arguments, "--configfile", CONFIG, "--", *targets]
        done = run_snakemake(given, self.folder, self.folder, self.environment)
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{given}\n{said[-6000:]}"
        return said

    def would_run(self, targets=TARGETS):
        """Rules that Snakemake would run."""
        # The default profile lets a dry run count jobs and not list them.
        each = ("--dry-run", "--cores", "1", "--quiet", "host")
        said = self.snakemake(*each, targets=targets).splitlines()
        rules = {line.split()[1].rstrip(":") for line in said if line.startswith("rule ")}
        assert bool(rules) != any("Nothing to be done" in line for line in said)
        return rules

    def change(self, section, **values):
        """Change the configuration."""
        path = self.folder / CONFIG
        whole = yaml.safe_load(path.read_text())
        whole[section] |= values
        path.write_text(yaml.safe_dump(whole, sort_keys=False))
