"""Adapter of the rule benchmark_table."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluate.stage import benchmark_table

    benchmark_table(
        predictions=[Path(path) for path in snakemake.input.predictions],
        fits=[Path(path) for path in snakemake.input.fits],
        sites=Path(snakemake.input.sites),
        block_degrees=snakemake.params.block_degrees,
        draws=snakemake.params.draws,
        dataset=snakemake.params.dataset,
        out=Path(snakemake.output.table),
        metrics=Path(snakemake.output.metrics),
        comparisons=Path(snakemake.output.comparisons),
    )
