"""Adapter of the rule evaluate_transfer."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.learning import Encoders
from mmaq.config.load import check_config
from mmaq.config.parts import TransferPart
from mmaq.config.transfer import Transfer

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.transfer.stage import evaluate_transfer

    whole = check_config(snakemake.config, "the configuration")
    evaluate_transfer(
        store=Path(snakemake.input.store[0]).parent,
        checkpoints=[Path(path) for path in snakemake.input.get("encoders", [])],
        encoders=Encoders(**snakemake.params.encoders),
        config=Transfer.narrow(snakemake.params.config, whole.transfer),
        part=TransferPart(
            snakemake.wildcards.task,
            snakemake.wildcards.method,
            tuple(snakemake.params.protocols),
        ),
        out=Path(snakemake.output.predictions),
        fits=Path(snakemake.output.fits),
    )
