"""Another project takes the workflow in: by snakedeploy, from git, as the catalogue has it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.forked import run_snakemake
from tests.workflow.conftest import ROOT

pytestmark = pytest.mark.slow

ADDRESS = "https://github.com/somebody/mmaq"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A folder that snakedeploy has filled, and the environment in which git finds the repository.

    The address is that of a host, as users give it; git takes it for a folder on this machine.
    """
    base = tmp_path_factory.mktemp("deploy")
    repository = base / "somebody" / "mmaq"
    for name in ("workflow", "rules", "config", "profiles", "Snakefile", "environment.yaml"):
        path = ROOT / name
        copy = shutil.copytree if path.is_dir() else shutil.copy
        repository.mkdir(parents=True, exist_ok=True)
        copy(path, repository / name)
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(base / "cache"),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{base}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }  # fmt: skip
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"], ["tag", "v1"]):
        subprocess.run(["git", "-C", str(repository), *words], check=True)
    folder = base / "project"
    folder.mkdir()
    call = "from snakedeploy.client import main; main()"
    command = [sys.executable, "-c", call, "deploy-workflow", ADDRESS, str(folder), "--tag", "v1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, environment


def _snakemake(deployed, *words):
    folder, environment = deployed
    return run_snakemake(["--cores", "1", *words], ROOT, folder, environment)


def test_a_deployed_workflow_makes_everything_by_default(deployed):
    assert Path(deployed[0], "config/README.md").exists()
    done = _snakemake(deployed, "--dry-run", "--quiet", "all")
    assert done.returncode == 0, done.stderr
    stats = (done.stdout + done.stderr).split()
    assert {"simulate", "pretrain", "benchmark_table", "report", "everything"} <= set(stats)


def test_its_configuration_is_checked(deployed):
    done = _snakemake(deployed, "--dry-run", "--config", "grid={resolutoin: 1}")
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "unknown key grid.resolutoin. Did you mean resolution." in told
