"""Memory of jobs: what they ask for, and that this machine never runs more than it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from snakemake.api import SnakemakeApi
from snakemake.settings import types as settings

from mmaq.base import machine
from mmaq.contracts.patches import FILES
from tests.orchestration.project import Project

STUB = """
import json, time
from pathlib import Path
start = time.time()
Path(f"begun_{snakemake.wildcards.run}").touch()
while len(list(Path().glob("begun_*"))) < TOGETHER and time.time() < start + 60:
    time.sleep(0.05)
time.sleep(1)  # in which one too many would begin
for path in snakemake.output:
    Path(path).touch()
told = {"mem_mb": snakemake.resources.mem_mb, "start": start, "end": time.time()}
Path(f"held_{snakemake.wildcards.run}.json").write_text(json.dumps(told))
"""
STORE_MB = 100


def test_the_limit_of_a_container_is_the_machines(tmp_path):
    limit, none = tmp_path / "memory.max", tmp_path / "other"
    limit.write_text("8000000000\n")
    none.write_text("max\n")
    assert machine.memory_mb((limit, none, tmp_path / "absent")) == 7200
    assert machine.memory_mb((none,)) > 1000


@pytest.mark.parametrize(("nodes", "limited"), [(None, True), (500, False)])
def test_memory_is_limited_on_this_machine_and_not_on_a_cluster(
    request, monkeypatch, nodes, limited
):
    monkeypatch.chdir(request.config.rootpath)
    monkeypatch.setattr(machine, "memory_mb", lambda: 7200)
    quiet = settings.OutputSettings(quiet={settings.Quietness.ALL})
    with SnakemakeApi(quiet) as api:
        opened = api.workflow(
            resource_settings=settings.ResourceSettings(cores=8, nodes=nodes),
            config_settings=settings.ConfigSettings(configfiles=[Path("config/config.yaml")]),
            snakefile=Path("Snakefile"),
        )
        opened.dag(settings.DAGSettings(targets={"all"}))
        workflow = opened._workflow
        assert ("mem_mb" in workflow.global_resources) == limited
        if limited:
            assert workflow.global_resources["mem_mb"].value == 7200


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A patch store of a known size, and jobs that only say what they hold."""
    project = Project.copied(tmp_path_factory.mktemp("memory") / "project", pretrain={"runs": 3})
    store = project.folder / "data/small/patches"
    store.mkdir(parents=True)
    for name in FILES:
        (store / name).touch()
    with open(store / "s2.npy", "wb") as file:
        file.truncate(STORE_MB * 1024**2)
    (project.folder / "data/small/sites.parquet").touch()
    return project


@pytest.mark.slow
@pytest.mark.parametrize(("machine_mb", "together"), [(4500, 2), (1000, 1)])
def test_jobs_wait_for_memory_and_one_that_needs_more_than_there_is_runs_alone(
    project, machine_mb, together
):
    stub = project.folder / "workflow/scripts/pretrain.py"
    stub.write_text(STUB.replace("TOGETHER", str(together)))
    for begun in project.folder.glob("begun_*"):
        begun.unlink()
    targets = [f"checkpoints/small/mmaq_run{run}.safetensors" for run in range(3)]
    given = "--cores", "8", "--resources", f"mem_mb={machine_mb}", "gpu=8"
    project.snakemake(
        *given, "--allowed-rules", "pretrain", "--forcerun", "pretrain", targets=targets
    )
    held = [json.loads(path.read_text()) for path in project.folder.glob("held_*.json")]
    assert len(held) == 3
    at_once = [
        [job["mem_mb"] for job in held if job["start"] <= moment["start"] < job["end"]]
        for moment in held
    ]
    assert max(map(sum, at_once)) <= machine_mb
    assert max(map(len, at_once)) == together
    asked = {job["mem_mb"] for job in held}
    assert asked == ({machine_mb} if machine_mb == 1000 else asked)
    assert max(asked) <= 1600 + 2 * STORE_MB + 50
