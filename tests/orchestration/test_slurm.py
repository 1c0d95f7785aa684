"""The workflow through a real SLURM: the local table, whatever happens to its jobs."""

from __future__ import annotations

import subprocess

import numpy as np
import pandas as pd
import pytest
import yaml

from mmaq.contracts.benchmark import read_benchmark
from tests.orchestration.project import CONFIG, Project
from tests.orchestration.slurm_cluster import Cluster, missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() != "", reason=f"no SLURM cluster: {missing()}"),
]
SITE = {
    "account": None, "partition": "cpu", "gpu_partition": "gpu", "gres": "gpu",
    "pretrain": {"gpus": 1, "nodes": 1}, "status": "squeue", "check_seconds": 2, "jobs": 500,
}  # fmt: skip
CHECKPOINTS = "checkpoints/small"
TABLE = ["results/small/benchmark.csv"]


class OnCluster(Project):
    """Snakemake through profiles/slurm, as a user starts it."""

    def site(self, **changes):
        path = self.folder / "profiles/slurm/site.yaml"
        assert set(yaml.safe_load(path.with_name("site.example.yaml").read_text())) == set(SITE)
        path.write_text(yaml.safe_dump(SITE | changes))

    def start(self, *arguments, targets=TABLE):
        command = ["snakemake", "--profile", "profiles/slurm", "--slurm-keep-successful-logs"]
        command += [*arguments, "--configfile", CONFIG, "--", *targets]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def end(self, process, fails=False):
        said, _ = process.communicate(timeout=900)
        assert (process.returncode != 0) == fails, said[-6000:]
        return said


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("slurm") / "cluster") as running:
        yield running


@pytest.fixture(scope="module")
def through(tmp_path_factory, cluster):
    """One command given twice: the first is cancelled in pretraining, the second loses its node."""
    project = OnCluster.copied(tmp_path_factory.mktemp("through") / "project")
    project.site()
    last = project.folder / CHECKPOINTS / "mmaq_run0_last.ckpt"
    first = project.start("--retries", "0")
    cluster.wait(lambda: first.poll() is not None or last.exists(), 900)
    cluster.run("scancel", *cluster.jobs("pretrain"))
    project.cancelled = project.end(first, fails=True)
    project.left = sorted(path.name for path in last.parent.iterdir())
    second = project.start()
    cluster.wait(lambda: second.poll() is not None or cluster.jobs("pretrain"), 900)
    node = ["scontrol", "update", f"nodename={cluster.host}"]
    cluster.run(*node, "state=down", "reason=a test")
    cluster.wait(lambda: cluster.jobs("pretrain", "pending"))
    cluster.run(*node, "state=resume")
    project.said = project.end(second)
    return project


def test_what_a_cancelled_run_goes_on_from_is_left(through):
    assert "Error in rule pretrain" in through.cancelled
    assert "mmaq_run0_last.ckpt" in through.left
    assert not {"mmaq_run0.ckpt", "mmaq_run0_best.ckpt", "mmaq_run0_losses.csv"} & set(through.left)


def test_the_same_command_goes_on_and_ends(through):
    log = (through.folder / "logs/small/pretrain_mmaq_run0.log").read_text()
    assert "going on after step" in log
    assert "rule simulate" not in through.said
    assert through.would_run(TABLE) == set()


def test_the_table_is_the_local_one_to_four_digits(through, first_version):
    mine, its = map(read_benchmark, (through.folder / TABLE[0], first_version.table))
    figures = ["value", "low", "high"]
    timings = [*figures, "seconds"]
    pd.testing.assert_frame_equal(mine.drop(columns=timings), its.drop(columns=timings))
    assert (mine["status"] == "ok").all()
    np.testing.assert_allclose(mine[figures], its[figures], rtol=5e-5)


def test_a_gpu_rule_has_a_gpu_and_many_jobs_are_an_array(through):
    assert "Submitted array job" in through.cancelled
    logs = through.folder / ".snakemake/slurm_logs"
    assert list(logs.glob("rule_grid_part/**/*_1.log"))
    assert list(logs.glob("rule_pretrain/**/*.log"))


def test_pretraining_takes_a_process_for_each_gpu(through, cluster):
    through.site(pretrain={"gpus": 2, "nodes": 1})
    for path in (through.folder / CHECKPOINTS).iterdir():
        path.unlink()
    for path in (through.folder / ".snakemake/slurm_logs/rule_pretrain").glob("**/*.log"):
        path.unlink()
    process = through.start(targets=[f"{CHECKPOINTS}/mmaq_run0.ckpt"])
    running = cluster.wait(lambda: process.poll() is not None or cluster.jobs("pretrain"), 900)
    about = cluster.run("scontrol", "show", "job", *running)
    assert "gres:gpu:2" in about
    assert "NumTasks=2" in about
    through.end(process)
    (log,) = (through.folder / ".snakemake/slurm_logs/rule_pretrain").glob("**/*.log")
    assert "MEMBER: 2/2" in log.read_text()
    losses = pd.read_csv(through.folder / CHECKPOINTS / "mmaq_run0_losses.csv")
    assert losses["epoch"].max() == 7
    assert np.isfinite(losses["loss"]).all()
