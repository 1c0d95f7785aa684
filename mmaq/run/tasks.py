"""The tasks: the stages of pretraining and evaluation, one after the other."""

from __future__ import annotations

import logging
from pathlib import Path

from mmaq import stages
from mmaq.base.errors import CheckpointError, ConfigError
from mmaq.base.layout import run_name
from mmaq.config.parts import Part, checkpoint_of
from mmaq.contracts.sites import has_places, read_sites
from mmaq.run.arguments import TRANSFER
from mmaq.run.data import prepare_data
from mmaq.run.results import make_table, print_results
from mmaq.run.settings import Run
from mmaq.run.transfer import run_transfer
from mmaq.stages import evaluate_part, run_stages
from mmaq.vocabulary import SUPERVISED

LOG = logging.getLogger(__name__)


def run_task(run: Run) -> None:
    """Prepare the data and run the task.

    Pretraining leaves what :func:`mmaq.learn.stage` does in ``run.checkpoints``; an
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
    path = run.encoders or run.checkpoints / f"{run_name(method, 0)}.ckpt"
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
    if run.config.pretrain.transductive:
        LOG.info("pretraining on the stations' own images (transductive), without their labels")
    run_stages(stages.Run(run.config, run.paths), ["pretrain"], out=run.checkpoints)


def _evaluate(run: Run, checkpoint: Path | None) -> None:
    from mmaq.contracts.checkpoint import read_about

    trained = checkpoint if run.model != "random_init" else None
    if trained is not None and read_about(trained)["config"]["transductive"]:
        LOG.info("%s has seen images of stations, without their labels (transductive)", checkpoint)
    splits = splits_of(run)
    evaluate = run.config.evaluate.model_copy(update={"splits": splits})
    config = run.config.model_copy(update={"evaluate": evaluate})
    table = stages.Run(config, run.paths, checkpoint=checkpoint)
    if run.task == "linear_eval":
        parts = [Part("probes", run.model)]
    else:
        protocol = "supervised" if run.model in SUPERVISED else "finetune"
        parts = [Part(protocol, run.model)]
    for part in parts:
        evaluate_part(table, part)()
    print_results(make_table(run, table, parts))
