import subprocess
import sys

import pytest

from mmaq.learn import processes as launch

JOB = {"SLURM_JOB_ID": "7"}


@pytest.mark.parametrize(
    ("devices", "nodes", "environment"),
    [(1, 1, JOB), (2, 1, {}), (2, 2, {**JOB, "SLURM_STEP_ID": "0"})],
    ids=["one device", "no SLURM", "started already"],
)
def test_nothing_is_started(devices, nodes, environment):
    assert launch.srun_command(devices, nodes, 3, environment) == []


def test_a_job_starts_a_process_for_each_device_of_each_node(monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "call", lambda command: started.append(command) or 5)
    monkeypatch.setattr(launch.os, "environ", JOB)
    monkeypatch.setattr(sys, "argv", ["script.py", "--more"])
    with pytest.raises(SystemExit) as end:
        launch.share_devices(4, 2, 3)
    assert end.value.code == 5
    (command,) = started
    assert command[:5] == [
        "srun", "--nodes=2", "--ntasks-per-node=4", "--cpus-per-task=3", "--kill-on-bad-exit=1"
    ]  # fmt: skip
    assert command[5:] == [sys.executable, "script.py", "--more"]
