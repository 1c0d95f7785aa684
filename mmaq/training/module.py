"""The pretraining run as a Lightning module: steps, optimiser, schedule and history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from mmaq.config.learning import Pretrain
from mmaq.methods import make_method
from mmaq.models import MODALITIES
from mmaq.training.data import Inputs
from mmaq.training.diagnostics import effective_rank
from mmaq.training.embed import embed
from mmaq.training.lars import make_lars
from mmaq.training.schedule import cosine_with_warmup
from mmaq.training.statistics import Statistics
from mmaq.training.views import make_views

BASE_BATCH = 256
"""Learning rates are given for a batch of this size and scale with it."""

RANK_SITES = 256
"""Sites whose embeddings tell the effective rank at the end of an epoch."""

VIEWS, ORDER = 0, 1
"""What a random stream is for; each is seeded by the run's seed and its place in the run, so that
a resumed run draws what an uninterrupted one does."""


class Positions(Dataset[int]):
    """Positions of the sites: data lie on the device, so a batch is a list of positions."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        return index


class EpochSampler(Sampler[int]):
    """A new order each epoch, from the seed and the epoch's number alone."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def __len__(self) -> int:
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng((self.seed, ORDER, self.epoch)).permutation(self.size)
        return iter(order.tolist())


def make_loader(size: int, config: Pretrain) -> DataLoader[int]:
    """Batches of positions; an incomplete last batch is left out, as its statistics are poorer."""
    batch = min(config.batch_size, size)
    sampler = EpochSampler(size, config.seed)
    return DataLoader(Positions(size), batch_size=batch, sampler=sampler, drop_last=True)


class PretrainModule(lightning.LightningModule):
    """One method under pretraining. ``history`` holds a row of figures for each step."""

    def __init__(self, config: Pretrain, inputs: Inputs, statistics: Statistics) -> None:
        super().__init__()
        self.config, self.inputs, self.statistics = config, inputs, statistics
        self.history: list[dict[str, float]] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.method = make_method(config)

    def on_fit_start(self) -> None:
        """Move the data to the device, once."""
        self.inputs = self.inputs.to(self.device)

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Loss of two views of the sites at the positions ``batch``, (b,) int64."""
        generator = torch.Generator(self.device)
        words = np.random.SeedSequence((self.config.seed, VIEWS, self.global_step))
        generator.manual_seed(int(words.generate_state(1, np.uint64)[0] >> 1))
        images = {
            name: self.inputs.standardised(name, batch, self.statistics) for name in MODALITIES
        }
        first, second = make_views(images, self.config.views, self.config.encoders, generator)
        terms = self.method(first, second)
        self._record(terms)
        return terms["loss"]

    def on_train_epoch_end(self) -> None:
        """Add the effective rank of the embeddings to the epoch's last row."""
        some = self.inputs.take(np.arange(min(RANK_SITES, len(self.inputs))))
        embeddings = embed(self.method.encoders, self.statistics, some)
        self.history[-1] |= {
            f"rank_{name}": effective_rank(torch.from_numpy(values))
            for name, values in embeddings.items()
        }

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """LARS, with a cosine over steps after a warm-up in proportion to the run."""
        config = self.config
        steps = int(self.trainer.estimated_stepping_batches)
        scale = min(config.batch_size, len(self.inputs)) / BASE_BATCH
        optimiser = make_lars(
            self.method,
            config.learning_rate * scale,
            config.bias_learning_rate * scale,
            config.weight_decay,
        )
        warmup = round(config.warmup_share * steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: cosine_with_warmup(step, steps, warmup)
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history with the weights."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history back."""
        self.history = list(checkpoint["history"])

    def _record(self, terms: dict[str, Tensor]) -> None:
        names = [name for name in terms if name != "loss"]
        values = torch.stack([terms[name].detach() for name in ("loss", *names)]).tolist()
        figures = dict(zip(("loss", *names), values, strict=True))
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        place = {"epoch": self.current_epoch, "step": self.global_step, "lr": rate}
        self.history.append({**place, **figures, **self.method.monitored()})
