"""Adapter of the rule predict."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.predict.stage import predict

    predict(
        sites=Path(snakemake.input.sites),
        store=Path(snakemake.input.store[0]).parent,
        estimator=Path(snakemake.input.estimator),
        chosen=None,
        threads=snakemake.threads,
        out=Path(snakemake.output[0]),
    )
