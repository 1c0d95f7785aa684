"""Adapter of the rule grid_part."""

from datetime import date
from pathlib import Path

from mmaq.config.data import Grid
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.sentinel5p import grid_part

    start, end = map(date.fromisoformat, snakemake.params.days)
    grid_part(
        Path(snakemake.input.collection).parents[1],
        Grid(**snakemake.params.config),
        start,
        end,
        Path(snakemake.output[0]),
        workers=snakemake.threads,
    )
