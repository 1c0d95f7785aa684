"""The stage ``pretrain``: a patch store and a site table in, encoders and loss curves out."""

from __future__ import annotations

import logging
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as lightning
import torch
from pytorch_lightning.utilities.exceptions import SIGTERMException

from mmaq.base.errors import Stopped
from mmaq.config.learning import Pretrain
from mmaq.contracts.patches import open_store
from mmaq.contracts.sites import read_sites
from mmaq.learn.data import Inputs, Statistics, bytes_needed, compute_statistics, load_inputs
from mmaq.learn.devices import cpu_threads, fits, precision_of
from mmaq.learn.exports import export
from mmaq.learn.keep import InPlace, KeepRun, Names, best_epoch, resumable, run_digest
from mmaq.learn.loggers import open_loggers
from mmaq.learn.methods.barlow_twins import BarlowTwins
from mmaq.learn.methods.base import Method
from mmaq.learn.methods.byol import BYOL
from mmaq.learn.methods.decur import DeCUR
from mmaq.learn.methods.dino import DINO
from mmaq.learn.methods.mmaq import MMAQ
from mmaq.learn.methods.mmcl import MMCL
from mmaq.learn.methods.moco import MoCo
from mmaq.learn.methods.simclr import SimCLR
from mmaq.learn.methods.simsiam import SimSiam
from mmaq.learn.methods.vicreg import VICReg
from mmaq.learn.module import PretrainModule
from mmaq.learn.processes import trainer_options
from mmaq.learn.sites import global_batch, make_loader, pretraining_sites
from mmaq.vocabulary import TRAINED

LOG = logging.getLogger(__name__)

METHODS: dict[str, type[Method]] = {
    "mmaq": MMAQ,
    "decur": DeCUR,
    "barlow_twins": BarlowTwins,
    "barlow_twins_multimodal": BarlowTwins,
    "simclr": SimCLR,
    "vicreg": VICReg,
    "byol": BYOL,
    "moco_v2": MoCo,
    "simsiam": SimSiam,
    "dino": DINO,
    "mmcl": MMCL,
}
"""Whose loss is minimised, by name; ``barlow_twins_multimodal`` differs in its encoders alone."""


def pretrain(
    *,
    store: Path,
    sites: Path,
    config: Pretrain,
    out: Path,
    run: int = 0,
    devices: int = 1,
    nodes: int = 1,
) -> None:
    """Pretrain the configured method on the sites that evaluation never sees.

    Writes into the folder ``out``, with METHOD_runN for NAME: ``NAME.ckpt``, the Lightning
    checkpoint of the last epoch; ``NAME_best.ckpt``, weights of the epoch with the lowest training
    loss; ``NAME_s2_only.ckpt``, the Sentinel-2 encoder of that epoch; beside each its encoders as
    ``.safetensors`` (contract 4); ``NAME.md``, a model card; and ``NAME_losses.csv``, a row a step:
    epoch, step, lr, loss, its terms, what the method monitors, and on the last row of each epoch
    ``rank_``, ``spread_`` and ``correlation_<modality>`` of some embeddings. ``NAME_last.ckpt`` and
    ``NAME_last_best.ckpt`` are there only while the run goes on: a run that was stopped continues
    from these two alone, and ends on a CPU with the same values.

    Args:
        store: contract 3, a folder.
        sites: contract 2.
        config: the run, with its seed.
        out: folder of checkpoints.
        run: its number among the runs of the method.
        devices: GPUs on each node, or processes on a machine without; they share each batch.
        nodes: machines.

    Raises:
        StoreError: the store is damaged, lacks a modality, or has too few sites to pretrain on.
        TableError: the site table is missing or damaged.
        ConfigError: the batch cannot be shared, or a logger's package is absent.
        TrainingError: the devices are not there, or the run has collapsed or diverged.
    """
    # The precision decides the result: what is written names the one that was taken.
    config = config.model_copy(update={"precision": precision_of(config.precision)})
    opened = open_store(store)
    modalities = TRAINED[config.method]
    chosen = pretraining_sites(opened, read_sites(sites), config.transductive, modalities)
    resident = fits(bytes_needed(opened, chosen), config.memory_share)
    inputs = load_inputs(opened, chosen, resident)
    statistics = compute_statistics(inputs)
    how = "on the device" if resident else "streamed from the store"
    LOG.info(
        "pretraining %s, run %d, in %s on %d sites, %s", config.method, run, config.precision,
        len(inputs), how,
    )  # fmt: skip
    names = Names(Path(out), config.method, run)
    trainer, module = _fit(config, inputs, statistics, names, devices, nodes)
    if trainer.is_global_zero:
        export(names, module.history, best_epoch(module.history, module.warmup))
        LOG.info("pretraining ended with loss %.2f", module.history.rows[-1]["loss"])


def _fit(
    config: Pretrain,
    inputs: Inputs,
    statistics: Statistics,
    names: Names,
    devices: int,
    nodes: int,
) -> tuple[lightning.Trainer, PretrainModule]:
    """Run all epochs, or those that are left."""
    options = trainer_options(config, devices, nodes)
    batch = global_batch(len(inputs), config, devices * nodes)
    run = run_digest(config, inputs, statistics, batch)
    names.folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with (
        torch.random.fork_rng(devices=[]),
        cpu_threads(config.threads),
        _quiet(),
        open_loggers(config, names.folder, run) as loggers,
    ):
        module = PretrainModule(make_method(config), config, inputs, statistics, batch)
        trainer = lightning.Trainer(
            max_epochs=config.epochs,
            callbacks=[KeepRun(names, run)],
            logger=loggers,
            enable_model_summary=False,
            enable_progress_bar=sys.stderr.isatty(),
            default_root_dir=names.folder,
            use_distributed_sampler=False,
            plugins=[InPlace(), *options.pop("plugins")],
            **options,
        )
        path = _start(trainer, names, run)
        loader = make_loader(len(inputs), batch, config.seed, lambda: module.global_step)
        try:
            trainer.fit(module, loader, ckpt_path=path, weights_only=True)
        except SIGTERMException:  # an exit with status 0: what follows would take it for finished
            raise Stopped(signal.SIGTERM) from None
    return trainer, module


def make_method(config: Pretrain) -> Method:
    """The method that the configuration names, with weights drawn from its seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        method = METHODS[config.method](config)
    method.to(
        memory_format=torch.channels_last if config.channels_last else torch.contiguous_format
    )
    if config.compile:
        method.compile()
    return method


def _start(trainer: lightning.Trainer, names: Names, run: str) -> Path | None:
    """The checkpoint to go on from; without one, nothing of an older run is left."""
    path = resumable(names, run)
    if trainer.is_global_zero:
        names.remove_remains()
        if path is None:
            for left in (names.last, names.last_best, names.best):
                left.unlink(missing_ok=True)
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice that does not apply: positions need no workers, and a resumed epoch goes
    on where it was."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*before the epoch ended.*")
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        warnings.filterwarnings("ignore", message=".*`srun` command is available.*")
        yield
