"""Adapter of the rule predictor."""

from pathlib import Path

from mmaq.config.evaluation import Evaluate
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.prediction import fit_predictor

    fit_predictor(
        Path(snakemake.input.sites),
        Path(snakemake.input.store[0]).parent,
        Path(snakemake.input.encoders),
        Evaluate(**snakemake.params.config),
        snakemake.params.dataset,
        Path(snakemake.output[0]),
    )
