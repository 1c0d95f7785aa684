"""One process for each device over the nodes of a SLURM job."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping


def share_devices(devices: int, nodes: int, threads: int) -> None:
    """In a SLURM job for several devices, run this program again once a device, and exit.

    Returns at once in the processes so started, with one device, and where there is no SLURM.

    Args:
        devices: GPUs on each node.
        nodes: machines.
        threads: cores of each process.
    """
    command = srun_command(devices, nodes, threads, os.environ)
    if command:
        sys.exit(subprocess.call([*command, sys.executable, *sys.argv]))


def srun_command(
    devices: int, nodes: int, threads: int, environment: Mapping[str, str]
) -> list[str]:
    """How to start the processes; empty where nothing has to be started."""
    waiting = "SLURM_JOB_ID" in environment and "SLURM_STEP_ID" not in environment
    if devices * nodes == 1 or not waiting:
        return []
    # Snakemake hands on none of the allocation's variables that srun would take these from.
    shape = [f"--nodes={nodes}", f"--ntasks-per-node={devices}", f"--cpus-per-task={threads}"]
    return ["srun", *shape, "--kill-on-bad-exit=1"]
