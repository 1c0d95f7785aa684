"""A pretraining run as a process of its own: ``running.py FOLDER OUT DEVICES JSON [KILL_AT]``.

With KILL_AT the process is killed by SIGKILL before the optimiser step of that number.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from mmaq.learn.module import PretrainModule
from mmaq.learn.stage import METHODS, pretrain
from tests.learn.linear_method import Linear
from tests.learn.training_country import TINY


def die_at(step):
    original = PretrainModule.optimizer_step

    def dying(module, *arguments, **options):
        if module.global_step == step:
            os.kill(os.getpid(), signal.SIGKILL)
        original(module, *arguments, **options)

    PretrainModule.optimizer_step = dying


if __name__ == "__main__":
    folder, out, devices, changes = sys.argv[1:5]
    if len(sys.argv) > 5:
        die_at(int(sys.argv[5]))
    changes = json.loads(changes)
    if changes.pop("linear", False):
        METHODS["mmaq"] = Linear
    config = TINY.model_copy(update=changes)
    pretrain(
        store=Path(folder, "patches"),
        sites=Path(folder, "sites.parquet"),
        config=config,
        out=Path(out),
        devices=int(devices),
    )
