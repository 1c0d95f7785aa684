"""The processes of a pretraining run, and who starts them.

Lightning takes a second to import, which the many jobs that only evaluate need not wait for.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import torch
from pytorch_lightning.plugins.environments import (
    ClusterEnvironment,
    LightningEnvironment,
    SLURMEnvironment,
)

from mmaq.base.errors import TrainingError
from mmaq.config.learning import Pretrain
from mmaq.learn.devices import precision_of


def trainer_options(config: Pretrain, devices: int, nodes: int) -> dict[str, Any]:
    """Options of Lightning's trainer for this machine and so many devices on so many nodes.

    On CUDA the kernels are the fastest and not those that repeat a run bit for bit; on a CPU a
    run does repeat.

    Raises:
        TrainingError: there are fewer devices, or SLURM started another number of tasks.
    """
    cuda = torch.cuda.is_available()
    if cuda and devices > torch.cuda.device_count():
        fault = f"{devices} devices asked for, {torch.cuda.device_count()} found"
        raise TrainingError("--devices", fault, "Ask for as many as the node has")
    several = devices * nodes > 1
    return {
        "accelerator": "cuda" if cuda else "cpu",
        "devices": devices,
        "num_nodes": nodes,
        "strategy": "ddp" if several else "auto",
        "precision": "bf16-mixed" if precision_of(config.precision) == "bf16" else "32-true",
        "plugins": [cluster(devices, nodes)],
        "sync_batchnorm": several and cuda,
        "benchmark": cuda,
    }


def cluster(devices: int, nodes: int) -> ClusterEnvironment:
    """Who starts the processes: SLURM where it has started several tasks, else Lightning.

    One process is started by nobody, also inside a SLURM allocation, whose task count Lightning
    would trust.

    Raises:
        TrainingError: SLURM's tasks are not one for each device, or nodes have nobody to join them.
    """
    tasks = int(os.environ.get("SLURM_NTASKS", "1"))
    asked = devices * nodes
    if asked > 1 and tasks > 1:
        if tasks != asked or "SLURM_NTASKS_PER_NODE" not in os.environ:
            fault = f"SLURM started {tasks} tasks for {nodes} nodes of {devices} devices"
            remedy = f"Start with --nodes={nodes} --ntasks-per-node={devices}, through srun"
            raise TrainingError("SLURM_NTASKS", fault, remedy)
        return SLURMEnvironment(auto_requeue=False)
    if nodes > 1 and "MASTER_ADDR" not in os.environ:
        fault = f"{nodes} nodes asked for, and nothing joins them"
        raise TrainingError("--nodes", fault, "Run it under srun, or set MASTER_ADDR and NODE_RANK")
    return LightningEnvironment()


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
