"""Adapter of the rule benchmark_table."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluate.stage import benchmark_table

    benchmark_table(
        parts=[Path(part) for part in snakemake.input.parts],
        out=Path(snakemake.output.table),
        metrics=Path(snakemake.output.metrics),
    )
