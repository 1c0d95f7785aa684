"""A pretraining run in processes of its own, started anew or forked.

Anew it is ``running.py FOLDER OUT DEVICES JSON``, which Lightning starts once more for each other
process; forked processes are all started here, as torchrun starts them, and import nothing anew.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from lightning_fabric.plugins.environments.lightning import find_free_network_port

from mmaq.learn.module import PretrainModule
from mmaq.learn.stage import METHODS, pretrain
from tests.forked import PROCESSES
from tests.learn.linear_method import Linear
from tests.learn.training_country import TINY


def run_anew(folder, out, devices, changes):
    command = [sys.executable, "-m", "tests.learn.running", folder, out, devices]
    return subprocess.run(
        [*map(str, command), json.dumps(changes)], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def run_forked(folder, out, changes, devices=1, kill_at=None):
    """The exit status of each process.

    With ``kill_at`` they are killed by SIGKILL before the optimiser step of that number.
    """
    joined = {} if devices == 1 else {"MASTER_PORT": str(find_free_network_port())}
    ranks = [{"LOCAL_RANK": str(rank), **joined} if joined else {} for rank in range(devices)]
    given = folder, out, devices, changes, kill_at
    processes = [PROCESSES.Process(target=learn, args=(*given, rank)) for rank in ranks]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def learn(folder, out, devices, changes, kill_at=None, environment=None):
    """Change this process and pretrain in it; it must not be that of pytest."""
    os.environ.update(environment or {})
    if kill_at is not None:
        die_at(kill_at)
    changes = dict(changes)
    if changes.pop("linear", False):
        METHODS["mmaq"] = Linear
    config = TINY.model_copy(update=changes)
    store, sites = Path(folder, "patches"), Path(folder, "sites.parquet")
    pretrain(store=store, sites=sites, config=config, out=Path(out), devices=devices)


def die_at(step):
    original = PretrainModule.optimizer_step

    def dying(module, *arguments, **options):
        if module.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        original(module, *arguments, **options)

    PretrainModule.optimizer_step = dying


if __name__ == "__main__":
    folder, out, devices, changes = sys.argv[1:]
    learn(folder, out, int(devices), json.loads(changes))
