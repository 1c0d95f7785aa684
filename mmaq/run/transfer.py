"""The transfer tasks: scenes of power plants in the published layout, one encoder, one protocol."""

from __future__ import annotations

from pathlib import Path

from mmaq.benchmark import read_benchmark
from mmaq.config.parts import TransferPart
from mmaq.config.transfer import TransferTask
from mmaq.run.settings import Run


def run_transfer(run: Run, task: TransferTask, checkpoint: Path) -> None:
    """Read the scenes, evaluate the encoder on them, and print what it reached.

    The encoder is frozen with ``--freeze`` and else fine-tuned, whatever the task; the released
    code froze it for the fuel and fine-tuned it for the plume, by flags in its source.

    Raises:
        MmaqError: whatever the stages raise.
    """
    from mmaq.transfer import evaluate_transfer, prepare_plants

    config, paths = run.config, run.paths
    part = TransferPart(task, run.model, "frozen" if run.freeze else "finetune")
    prepare_plants(Path(str(config.transfer.images)), paths.plants)
    out = paths.results / f"{run.task}_{run.model}.csv"
    evaluate_transfer(
        paths.plants, checkpoint, config.pretrain.encoders, config.transfer,
        config.evaluate.bootstrap, config.name, part, out,
        paths.data / "evaluation" / f"{part.name}.parquet",
    )  # fmt: skip
    for row in read_benchmark(out).itertuples():
        print(f"{row.metric:<16}{row.value:.3f}   95 % {row.low:.3f} to {row.high:.3f}")
    print(f"\n{out}")
