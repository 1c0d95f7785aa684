"""TensorBoard and Weights & Biases, when the configuration asks for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mmaq.base.errors import ConfigError, TrainingError
from mmaq.config.learning import Pretrain

LOG = logging.getLogger(__name__)

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger


@contextmanager
def open_loggers(config: Pretrain, out: Path, run: str) -> Iterator[list[Logger]]:
    """:func:`make_loggers`, ended with the run: the next run in this process has its own."""
    loggers = make_loggers(config, out, run)
    try:
        yield loggers
    finally:
        if config.loggers.wandb != "off":
            import wandb

            wandb.finish()


def make_loggers(config: Pretrain, out: Path, run: str) -> list[Logger]:
    """Loggers that write below ``out``; a resumed run, of the same digest ``run``, goes on in them.

    Their packages are imported only here.

    Raises:
        ConfigError: a package that the configuration asks for is not installed.
        TrainingError: Weights & Biases cannot be reached, or refuses the login.
    """
    asked = config.loggers
    loggers: list[Logger] = []
    if asked.tensorboard:
        _need("tensorboard", "pretrain.loggers.tensorboard")
        from pytorch_lightning.loggers import TensorBoardLogger

        loggers.append(
            TensorBoardLogger(out, name="tensorboard", version=f"{config.method}-{run[:8]}")
        )
    if asked.wandb != "off":
        _need("wandb", "pretrain.loggers.wandb")
        import wandb
        from pytorch_lightning.loggers import WandbLogger

        try:
            online = asked.wandb == "online" and _is_logged_in(out)
            to_wandb = WandbLogger(
                name=config.method,
                project=asked.wandb_project,
                id=run[:16],
                resume="allow",
                mode="online" if online else "offline",
                save_dir=out,
            )
            _ = to_wandb.experiment  # begins it
        except wandb.Error as fault:
            remedy = "Check login and network, or set pretrain.loggers.wandb: offline"
            raise TrainingError("Weights & Biases", str(fault), remedy) from None
        loggers.append(to_wandb)
    for logger in loggers:
        logger.log_hyperparams(config.model_dump(mode="json"))
    return loggers


def _is_logged_in(out: Path) -> bool:
    """Whether Weights & Biases knows this user; without that it would end the run, or ask."""
    import wandb

    known = bool(wandb.login(prompt=False))
    if not known:
        LOG.warning(
            "no login at Weights & Biases: its files stay in %s. `wandb login`, then `wandb sync`",
            out / "wandb",
        )
    return known


def _need(package: str, key: str) -> None:
    if find_spec(package) is None:
        raise ConfigError(
            key, f"the package {package} is not installed", f"Install it: `pip install {package}`"
        )
