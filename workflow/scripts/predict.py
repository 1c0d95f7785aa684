"""Adapter of the rule predict."""

from pathlib import Path

from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.prediction import predict_sites

    predict_sites(
        Path(snakemake.input.sites),
        Path(snakemake.input.store[0]).parent,
        Path(snakemake.input.predictor),
        None,
        snakemake.threads,
        Path(snakemake.output[0]),
    )
