"""Adapter of the rule evaluate_transfer_references."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.load import check_config
from mmaq.config.transfer import Transfer

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.transfer.stage import evaluate_transfer_references

    whole = check_config(snakemake.config, "the configuration")
    evaluate_transfer_references(
        store=Path(snakemake.input.store[0]).parent,
        config=Transfer.narrow(snakemake.params.config, whole.transfer),
        task=snakemake.wildcards.task,
        out=Path(snakemake.output.predictions),
        fits=Path(snakemake.output.fits),
    )
