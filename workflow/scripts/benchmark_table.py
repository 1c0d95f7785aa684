"""Adapter of the rule benchmark_table."""

from pathlib import Path

from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluation import join_parts, write_metrics

    table = Path(snakemake.output.table)
    join_parts([Path(part) for part in snakemake.input.parts], table)
    write_metrics(table, Path(snakemake.output.metrics))
