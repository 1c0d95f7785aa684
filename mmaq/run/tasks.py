"""The tasks: the stages of pretraining and evaluation, one after the other."""

from __future__ import annotations

import logging
from pathlib import Path

from mmaq.config.evaluation import Evaluate
from mmaq.config.parts import checkpoint_of
from mmaq.errors import CheckpointError, ConfigError
from mmaq.run.arguments import SUPERVISED, TRANSFER
from mmaq.run.data import prepare_data
from mmaq.run.results import print_results
from mmaq.run.settings import Run
from mmaq.run.transfer import run_transfer
from mmaq.sites import has_places, read_sites

LOG = logging.getLogger(__name__)


def run_task(run: Run) -> None:
    """Prepare the data and run the task.

    Pretraining leaves what :func:`mmaq.training.pretrain` does in ``run.checkpoints``; an
    evaluation writes ``TASK_MODEL.csv`` (contract 5) into the folder of results and prints it.

    Raises:
        MmaqError: whatever the stages raise.
    """
    if run.task == "pretrain":
        prepare_data(run.config, run.paths)
        _pretrain(run)
    elif run.task in TRANSFER:
        run_transfer(run, TRANSFER[run.task], find_checkpoint(run))
    else:
        checkpoint = None if run.model in SUPERVISED else find_checkpoint(run)
        prepare_data(run.config, run.paths)
        _evaluate(run, checkpoint)


def find_checkpoint(run: Run) -> Path:
    """The checkpoint asked for, or that of the last epoch of this name's pretraining run.

    Raises:
        CheckpointError: there is no such file.
    """
    method = checkpoint_of(run.model)
    path = run.encoders or run.checkpoints / f"{method}.ckpt"
    if not path.is_file():
        remedy = f"Make it by --task pretrain --model {method}, or give --ckpt_path"
        raise CheckpointError(path, "the checkpoint does not exist", remedy)
    return path


def splits_of(run: Run) -> tuple[str, ...]:
    """The configured splits; without coordinates those that need none.

    Raises:
        ConfigError: no split is left.
    """
    splits = run.config.evaluate.splits
    if has_places(read_sites(run.paths.sites)):
        return splits
    left = tuple(split for split in splits if split != "blocks")
    if not left:
        fault = "blocks need coordinates, which the sample table does not bring"
        raise ConfigError("evaluate.splits", fault, "Give --eea_metadata")
    if left != splits:
        LOG.info("the split by blocks needs coordinates and is left out: give --eea_metadata")
    return left


def _pretrain(run: Run) -> None:
    from mmaq.training.pretrain import pretrain

    if run.config.pretrain.transductive:
        LOG.info("pretraining on the stations' own images (transductive), without their labels")
    pretrain(run.paths.patches, run.paths.sites, run.config.pretrain, run.checkpoints)


def _evaluate(run: Run, checkpoint: Path | None) -> None:
    from mmaq.evaluation import (
        evaluate_finetune,
        evaluate_probes,
        evaluate_supervised,
        join_parts,
    )
    from mmaq.training.checkpoint import read_about

    trained = checkpoint if run.model != "random_init" else None
    if trained is not None and read_about(trained)["config"]["transductive"]:
        LOG.info("%s has seen images of stations, without their labels (transductive)", checkpoint)
    data, name = (run.paths.sites, run.paths.patches), run.config.name
    splits = splits_of(run)
    config: Evaluate = run.config.evaluate.model_copy(update={"splits": splits})
    if run.task == "linear_eval":
        parts = [_part(run, "")]
        evaluate_probes(*data, checkpoint, config, name, run.model, *parts[0])
    else:
        parts = [_part(run, f"_{split}") for split in splits]
        for split, part in zip(splits, parts, strict=True):
            if run.model in SUPERVISED:
                sizes = run.config.pretrain.encoders
                evaluate_supervised(
                    *data, sizes, config, name, "supervised", run.model, split, *part
                )
            else:
                evaluate_finetune(*data, checkpoint, config, name, run.model, split, *part)
    out = run.paths.results / f"{run.task}_{run.model}.csv"
    join_parts([rows for rows, _ in parts], out)
    print_results(out)


def _part(run: Run, end: str) -> tuple[Path, Path]:
    """Rows and predictions of a part."""
    base = run.paths.data / "evaluation" / f"{run.task}_{run.model}{end}"
    return base.with_suffix(".csv"), base.with_suffix(".parquet")
