"""The transfer tasks: scenes of power plants in the published layout, one encoder, one protocol."""

from __future__ import annotations

from pathlib import Path

from mmaq import stages
from mmaq.config.parts import TransferPart
from mmaq.contracts.benchmark import read_benchmark
from mmaq.run.results import make_table
from mmaq.run.settings import Run
from mmaq.stages import run_stages, transfer_part
from mmaq.vocabulary import TransferTask


def run_transfer(run: Run, task: TransferTask, checkpoint: Path) -> None:
    """Read the scenes, evaluate the encoder on them, and print what it reached.

    The encoder is frozen with ``--freeze`` and else fine-tuned, whatever the task; the released
    code froze it for the fuel and fine-tuned it for the plume, by flags in its source.

    Raises:
        MmaqError: whatever the stages raise.
    """
    part = TransferPart(task, run.model, ("frozen" if run.freeze else "finetune",))
    table = stages.Run(run.config, run.paths, checkpoint=checkpoint)
    run_stages(table, ["plants"])
    transfer_part(table, part)()
    out = make_table(run, table, [part])
    for row in read_benchmark(out).itertuples():
        print(f"{row.metric:<16}{row.value:.3f}   95 % {row.low:.3f} to {row.high:.3f}")
    print(f"\n{out}")
