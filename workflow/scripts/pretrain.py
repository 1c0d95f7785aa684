"""Adapter of the rule pretrain."""

from pathlib import Path

from mmaq.config.learning import Pretrain
from mmaq.logs import one_line_errors, start_logging
from mmaq.training.launch import share_devices

shape = snakemake.resources.devices, snakemake.resources.nodes
share_devices(*shape, snakemake.threads)
start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.training.pretrain import pretrain

    pretrain(
        Path(snakemake.input.store[0]).parent,
        Path(snakemake.input.sites),
        Pretrain(**snakemake.params.config),
        Path(snakemake.output.checkpoint).parent,
        *shape,
    )
