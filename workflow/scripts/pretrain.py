"""Adapter of the rule pretrain."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.learning import Pretrain
from mmaq.config.load import check_config
from mmaq.learn.processes import share_devices

shape = snakemake.resources.devices, snakemake.resources.nodes
share_devices(*shape, snakemake.threads)
start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.learn.stage import pretrain

    whole = check_config(snakemake.config, "the configuration")
    pretrain(
        store=Path(snakemake.input.store[0]).parent,
        sites=Path(snakemake.input.sites),
        config=Pretrain.narrow(snakemake.params.config, whole.pretrain),
        out=Path(snakemake.output.checkpoint).parent,
        run=int(snakemake.wildcards.run),
        devices=shape[0],
        nodes=shape[1],
    )
