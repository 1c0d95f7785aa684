"""The pretraining run as a Lightning module: steps, optimiser, schedule and history."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from mmaq.config.learning import Pretrain
from mmaq.contracts.checkpoint import KEY
from mmaq.learn.checkpoint import describe
from mmaq.learn.data import Inputs, Statistics
from mmaq.learn.embed import embed
from mmaq.learn.fit import cosine_with_warmup
from mmaq.learn.history import History, Row, measure
from mmaq.learn.lars import make_lars
from mmaq.learn.methods.base import Method, View
from mmaq.learn.sites import share
from mmaq.learn.views import Draws, make_views

BASE_BATCH = 256
"""Learning rates are given for a batch of this size and scale with it."""

WATCHED_SITES = 256
"""Sites whose embeddings are looked at for collapse at the end of an epoch."""

VIEWS, METHOD = 0, 2
"""What a random stream is for; each is seeded by the run's seed and its place in the run, so that
a resumed run draws what an uninterrupted one does."""


class PretrainModule(lightning.LightningModule):
    """One method under pretraining, in steps of ``batch`` sites over all processes.

    ``history`` holds a row of figures for each step. Processes see the same global batch of
    positions and work on a share of it each.
    """

    def __init__(
        self,
        method: Method,
        config: Pretrain,
        inputs: Inputs,
        statistics: Statistics,
        batch: int,
    ) -> None:
        super().__init__()
        self.method = method
        self.config, self.inputs, self.statistics, self.batch = config, inputs, statistics, batch
        self.steps = config.epochs * (len(inputs) // batch)
        self.warmup = round(config.warmup_share * self.steps)
        self.history = History()

    def on_fit_start(self) -> None:
        """Move the data to the device, once."""
        self.inputs = self.inputs.to(self.device)

    def transfer_batch_to_device(self, batch: Tensor, device: Any, dataloader_idx: int) -> Tensor:
        """Leave positions on the host: rows of arrays are chosen there."""
        return batch

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Loss of two views of this process's share of the positions ``batch``, (b,) int64."""
        terms = self.method(*self.views(batch))
        rate = self.trainer.optimizers[0].param_groups[0]["lr"]
        place = {"epoch": self.current_epoch, "step": self.global_step, "lr": rate}
        self.history.add(place, {**terms, **self.method.monitored()})
        return terms["loss"]

    def views(self, batch: Tensor) -> tuple[View, View]:
        """The views of this step; also seeds what the method draws itself."""
        rank, step = self.global_rank, self.global_step
        torch.manual_seed(self._seed(METHOD, step, rank))
        generator = torch.Generator().manual_seed(self._seed(VIEWS, step))
        mine = share(len(batch), rank, self.trainer.world_size)
        draws = Draws(generator, len(batch), mine)
        inputs = {
            name: self.inputs.standardised(
                name, batch if name == "table" else batch[mine], self.statistics
            )
            for name in self.method.modalities
        }
        config = self.config
        views = make_views(inputs, config.views, config.encoders, draws, self.inputs.aligned)
        return self._laid_out(views[0]), self._laid_out(views[1])

    def optimizer_step(self, *arguments: Any, **options: Any) -> None:
        """After the optimiser's step, the method's own."""
        super().optimizer_step(*arguments, **options)
        self.method.after_step((self.global_step + 1) / self.steps)

    def settle(self) -> list[Row]:
        """Read the figures of the latest steps, as means over processes; gives their rows."""
        waiting = self.history.waiting()
        if waiting is None:
            return []
        joined = self.trainer.strategy.reduce(waiting, reduce_op="mean")
        assert isinstance(joined, Tensor)
        return self.history.settle(joined)

    def watch(self) -> Row:
        """Signs of collapse in the embeddings of some sites, the same on every process."""
        some = self.inputs.take(np.arange(min(WATCHED_SITES, len(self.inputs))))
        modalities = self.method.modalities
        figures = measure(embed(self.method.encoders, self.statistics, some, modalities))
        return self.trainer.strategy.broadcast(figures)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """LARS, with a cosine over steps after a warm-up in proportion to the run."""
        config, scale = self.config, self.batch / BASE_BATCH
        optimiser = make_lars(
            self.method,
            config.learning_rate * scale,
            config.bias_learning_rate * scale,
            config.weight_decay,
            [(rate * scale, parameter) for rate, parameter in self.method.own_rates()],
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: cosine_with_warmup(step, self.steps, self.warmup)
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history with the weights, and what one needs to use the encoders."""
        checkpoint["history"] = self.history.state()
        about = describe(self.config, self.statistics, self.inputs.site_ids, self.method.modalities)
        checkpoint[KEY] = json.dumps(about, sort_keys=True)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history back."""
        self.history.load(checkpoint["history"])

    def _seed(self, *place: int) -> int:
        words = np.random.SeedSequence((self.config.seed, *place))
        return int(words.generate_state(1, np.uint64)[0] >> 1)

    def _laid_out(self, view: View) -> View:
        if not self.config.channels_last:
            return view
        return {
            name: values.contiguous(memory_format=torch.channels_last)
            if values.ndim == 4
            else values
            for name, values in view.items()
        }
