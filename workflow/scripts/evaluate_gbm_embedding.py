"""Adapter of the rule evaluate_gbm_embedding."""

from pathlib import Path

from mmaq.config.evaluation import Evaluate
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluation import evaluate_gbm_embedding

    encoders = snakemake.input.get("encoders")
    evaluate_gbm_embedding(
        Path(snakemake.input.sites),
        Path(snakemake.input.store[0]).parent,
        Path(encoders[0]) if encoders else None,
        Evaluate(**snakemake.params.config),
        snakemake.params.dataset,
        snakemake.wildcards.method,
        Path(snakemake.output.rows),
        Path(snakemake.output.predictions),
    )
