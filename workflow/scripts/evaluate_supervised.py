"""Adapter of the rule evaluate_supervised."""

from pathlib import Path

from mmaq.config.evaluation import Evaluate
from mmaq.config.learning import Encoders
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluation import evaluate_supervised

    evaluate_supervised(
        Path(snakemake.input.sites),
        Path(snakemake.input.store[0]).parent,
        Encoders(**snakemake.params.encoders),
        Evaluate(**snakemake.params.config),
        snakemake.params.dataset,
        snakemake.wildcards.protocol,
        snakemake.wildcards.method,
        snakemake.wildcards.split,
        Path(snakemake.output.rows),
        Path(snakemake.output.predictions),
    )
