"""What a run leaves on disk while it goes on, so that it can be stopped at any moment."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from mmaq.base.errors import CheckpointError
from mmaq.base.files import reading, replacing
from mmaq.base.layout import run_name
from mmaq.config.learning import Pretrain
from mmaq.learn.data import Inputs, Statistics
from mmaq.learn.history import History, refuse_collapse
from mmaq.learn.module import PretrainModule

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Names:
    """Paths in the folder of checkpoints, which the runs of several methods share."""

    folder: Path
    method: str
    run: int = 0

    @property
    def last(self) -> Path:
        """The checkpoint that a stopped run goes on from; there only while a run goes on."""
        return self._named("_last.ckpt")

    @property
    def last_best(self) -> Path:
        """Weights of the best epoch so far; there only while a run goes on.

        A name of its own: Snakemake removes the declared outputs of a job that was stopped, and
        ``best`` is one, but what a run goes on from must stay.
        """
        return self._named("_last_best.ckpt")

    @property
    def final(self) -> Path:
        """The checkpoint of the last epoch, with optimiser and loss curves."""
        return self._named(".ckpt")

    @property
    def best(self) -> Path:
        """Weights of the epoch with the lowest training loss."""
        return self._named("_best.ckpt")

    @property
    def s2_only(self) -> Path:
        """The Sentinel-2 encoder of the best epoch alone."""
        return self._named("_s2_only.ckpt")

    @property
    def losses(self) -> Path:
        """Loss curves, a row a step."""
        return self._named("_losses.csv")

    @property
    def card(self) -> Path:
        """The model card."""
        return self._named(".md")

    def remove_remains(self) -> None:
        """Remove what a killed process left half-written."""
        for path in (self.last, self.last_best, self.losses):
            for remains in self.folder.glob(f".{path.stem}.*.part{path.suffix}"):
                remains.unlink()

    def _named(self, end: str) -> Path:
        return self.folder / f"{run_name(self.method, self.run)}{end}"


class InPlace(TorchCheckpointIO):
    """Writes a checkpoint where it is asked to, which is already a temporary name.

    Lightning's own goes through the system's temporary folder, which is often small, and blames
    the disk of the checkpoints when that one is full.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint."""
        write_checkpoint(Path(path), checkpoint)


def write_checkpoint(path: Path, value: dict[str, Any]) -> None:
    """Write what ``torch.load`` reads.

    Through an open file: given a path, torch names the members of the file after it, and a
    temporary name bears host and process, so that equal runs would differ in their bytes.
    """
    with path.open("wb") as stream:
        torch.save(value, stream)


class KeepRun(Checkpoint):
    """Writes loss curves and checkpoints, each whole or not at all, and stops a collapsed run.

    After each epoch, and every ``checkpoint_steps`` within one, ``last``; after an epoch better
    than those before it, ``last_best``. Lightning calls callbacks of this class after the module's
    own end of an epoch.
    """

    def __init__(self, names: Names, run: str) -> None:
        self.names, self.run = names, run

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Within a long epoch, write ``last``."""
        assert isinstance(pl_module, PretrainModule)
        due = pl_module.global_step % pl_module.config.checkpoint_steps == 0
        if due and not trainer.is_last_batch:
            self._settle(trainer, pl_module)
            self._save(trainer, self.names.last)

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Write the loss curves, look for collapse, then write ``last_best`` and ``last``.

        Raises:
            TrainingError: the embeddings have collapsed; the checkpoints are those of before.
        """
        assert isinstance(pl_module, PretrainModule)
        figures = pl_module.watch()
        self._settle(trainer, pl_module)
        pl_module.history.rows[-1] |= figures
        pl_module.log("loss", pl_module.history.rows[-1]["loss"], prog_bar=True, logger=False)
        for logger in trainer.loggers:
            logger.log_metrics(figures, pl_module.global_step)
        if trainer.is_global_zero:
            pl_module.history.write(self.names.losses)
        if pl_module.global_step > pl_module.warmup:
            refuse_collapse(figures, pl_module.config.collapse, trainer.current_epoch)
        if best_epoch(pl_module.history, pl_module.warmup) == trainer.current_epoch:
            self._save(trainer, self.names.last_best, weights_only=True)
        self._save(trainer, self.names.last)

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Say which run a checkpoint to go on from belongs to."""
        checkpoint["run"] = self.run

    def _settle(self, trainer: lightning.Trainer, module: PretrainModule) -> None:
        for row in module.settle():
            for logger in trainer.loggers:
                logger.log_metrics(row, int(row["step"]))

    def _save(self, trainer: lightning.Trainer, path: Path, weights_only: bool = False) -> None:
        """Every process takes part; the first one writes."""
        if trainer.is_global_zero:
            with replacing(path) as temporary:
                trainer.save_checkpoint(temporary, weights_only)
        else:
            trainer.save_checkpoint(path, weights_only)


def best_epoch(history: History, warmup: int) -> int:
    """The epoch with the lowest mean training loss, of those that end after the warm-up.

    Neither a label nor a station takes part. The loss is that of fresh views at each step, so it
    is hardly flattered by overfitting; holding sites out would take them from pretraining. Where
    a method's target moves (BYOL, MoCo, DINO) losses of different epochs compare only roughly:
    the evaluation uses the last epoch.
    """
    frame = history.frame()
    epochs = frame.groupby("epoch").agg(loss=("loss", "mean"), last=("step", "max"))
    after = epochs[epochs["last"] >= warmup]
    return int((after if len(after) else epochs)["loss"].idxmin())


def run_digest(config: Pretrain, inputs: Inputs, statistics: Statistics, batch: int) -> str:
    """What decides a run's result, as a digest; how many processes share a batch is not of it."""
    about = {
        "config": config.decisive(),
        "site_ids": inputs.site_ids,
        "statistics": statistics.to_dict(),
        "batch": batch,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def resumable(names: Names, run: str) -> Path | None:
    """The checkpoint to go on from: one of this very run, or none."""
    if not names.last.exists():
        return None
    try:
        with reading(names.last, CheckpointError, "it cannot be read", "None is needed"):
            found = torch.load(names.last, map_location="cpu", weights_only=True)
            own, step, epoch = found.get("run"), int(found["global_step"]), int(found["epoch"])
    except CheckpointError as fault:
        LOG.warning("starting again: %s", fault)
        return None
    if own != run:
        LOG.warning("%s belongs to another run: starting again", names.last)
        return None
    LOG.info("going on after step %d, in epoch %d", step, epoch)
    return names.last
