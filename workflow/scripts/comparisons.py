"""Adapter of the rule comparisons."""

from pathlib import Path

from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluation import compare_methods

    compare_methods(
        [Path(part) for part in snakemake.input.predictions],
        Path(snakemake.input.sites),
        snakemake.params.draws,
        snakemake.params.dataset,
        Path(snakemake.output[0]),
    )
