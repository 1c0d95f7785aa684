"""Adapter of the rule grid_part."""

from datetime import date
from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Grid

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.sentinel5p.stage import grid_part

    start, end = map(date.fromisoformat, snakemake.params.days)
    grid_part(
        archive=Path(snakemake.input.collection).parents[1],
        config=Grid.narrow(snakemake.params.config),
        start=start,
        end=end,
        out=Path(snakemake.output[0]),
        workers=snakemake.threads,
    )
