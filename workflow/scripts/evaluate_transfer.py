"""Adapter of the rule evaluate_transfer."""

from pathlib import Path

from mmaq.config.learning import Encoders
from mmaq.config.parts import TransferPart
from mmaq.config.transfer import Transfer
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.transfer import evaluate_transfer

    encoders = snakemake.input.get("encoders")
    wildcards = snakemake.wildcards
    evaluate_transfer(
        Path(snakemake.input.store[0]).parent,
        Path(encoders[0]) if encoders else None,
        Encoders(**snakemake.params.encoders),
        Transfer(**snakemake.params.config),
        snakemake.params.draws,
        snakemake.params.dataset,
        TransferPart(wildcards.task, wildcards.method, wildcards.protocol),
        Path(snakemake.output.rows),
        Path(snakemake.output.predictions),
    )
