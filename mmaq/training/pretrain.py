"""The pretraining stage: a patch store and a site table in, encoders and loss curves out."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as lightning
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.environments import LightningEnvironment

from mmaq.config.learning import Pretrain
from mmaq.files import replacing
from mmaq.patches.store import open_store
from mmaq.sites import read_sites
from mmaq.training.checkpoint import save_encoders
from mmaq.training.data import Inputs, load_inputs
from mmaq.training.module import PretrainModule, make_loader
from mmaq.training.sites import pretraining_sites
from mmaq.training.statistics import Statistics, compute_statistics

LOG = logging.getLogger(__name__)
RESUME, FINAL, EXPORT, LOSSES = "last.ckpt", "mmaq.ckpt", "mmaq.safetensors", "mmaq_losses.csv"


def pretrain(store: Path, sites: Path, config: Pretrain, out: Path) -> None:
    """Pretrain the configured method on the sites that evaluation never sees.

    Writes into the folder ``out``: ``mmaq.ckpt``, the Lightning checkpoint of the last epoch;
    ``mmaq.safetensors``, the encoders (contract 4); and ``mmaq_losses.csv``, a row a step: epoch,
    step, lr, loss, its terms, ``sigma_<term>``, and on the last row of each epoch
    ``rank_<modality>``, the effective rank of some embeddings. ``last.ckpt`` is there only while
    the run goes on: a run that was stopped continues from it, and ends with the same values.

    Raises:
        StoreError: the store is damaged, lacks a modality, or has too few sites to pretrain on.
        TableError: the site table is missing or damaged.
    """
    opened = open_store(store)
    chosen = pretraining_sites(opened, read_sites(sites), config.transductive)
    inputs = load_inputs(opened, chosen)
    statistics = compute_statistics(inputs.pixels, inputs.masks, inputs.table)
    LOG.info("pretraining %s on %d sites", config.method, len(inputs))
    module = _fit(config, inputs, statistics, Path(out))
    save_encoders(Path(out) / EXPORT, module.method.encoders, statistics, config, inputs.site_ids)
    os.replace(Path(out) / RESUME, Path(out) / FINAL)
    LOG.info("pretraining ended with loss %.2f", module.history[-1]["loss"])


def _fit(config: Pretrain, inputs: Inputs, statistics: Statistics, out: Path) -> PretrainModule:
    """Run all epochs, or those that are left."""
    out.mkdir(parents=True, exist_ok=True)
    run = run_digest(config, inputs, statistics)
    module = PretrainModule(config, inputs, statistics)
    cuda = torch.cuda.is_available()
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    trainer = lightning.Trainer(
        max_epochs=config.epochs,
        accelerator="cuda" if cuda else "cpu",
        devices=1,
        precision="bf16-mixed" if cuda else "32-true",
        # One process, also inside a SLURM allocation, whose task count Lightning would trust.
        plugins=[LightningEnvironment()],
        callbacks=[KeepLast(out, run)],
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=sys.stderr.isatty(),
        default_root_dir=out,
        deterministic="warn" if cuda else None,
    )
    with warnings.catch_warnings(), cpu_threads(config.threads):
        # The loader hands out positions: more workers would cost time.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*(deterministic|LeafSpec).*")
        trainer.fit(module, make_loader(len(inputs), config), ckpt_path=resumable(out, run))
    return module


@contextmanager
def cpu_threads(count: int) -> Iterator[None]:
    """Give torch ``count`` threads: sums depend on their number, so it is part of a run."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class KeepLast(Checkpoint):
    """After each epoch, write the loss curves and a checkpoint, whole or not at all.

    Lightning calls callbacks of this class after the module's own end of an epoch.
    """

    def __init__(self, out: Path, run: str) -> None:
        self.out, self.run = out, run

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Write both files."""
        assert isinstance(pl_module, PretrainModule)
        with replacing(self.out / LOSSES) as temporary:
            pd.DataFrame(pl_module.history).to_csv(temporary, index=False, float_format="%.6g")
        with replacing(self.out / RESUME) as temporary:
            trainer.save_checkpoint(temporary)

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        """Say which run the checkpoint belongs to."""
        checkpoint["run"] = self.run


def run_digest(config: Pretrain, inputs: Inputs, statistics: Statistics) -> str:
    """What decides a run's result, as a digest: configuration, sites and statistics."""
    about = {
        "config": config.model_dump(mode="json"),
        "site_ids": inputs.site_ids,
        "statistics": statistics.to_dict(),
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def resumable(out: Path, run: str) -> Path | None:
    """The checkpoint to go on from: one of this very run, or none."""
    path = out / RESUME
    if not path.exists():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as fault:  # whatever a damaged file makes torch raise
        LOG.warning("%s cannot be read (%s): starting again", path, str(fault).splitlines()[0])
        return None
    if found.get("run") != run:
        LOG.warning("%s belongs to another run: starting again", path)
        return None
    LOG.info("going on after epoch %d", found["epoch"])
    return path
