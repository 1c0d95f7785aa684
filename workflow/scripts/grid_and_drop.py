"""Adapter of the rule grid_part where granules are not kept."""

from datetime import date
from pathlib import Path

from mmaq.config.acquire import Acquire
from mmaq.config.data import Grid
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.fetch import grid_and_drop

    start, end = map(date.fromisoformat, snakemake.params.days)
    grid_and_drop(
        Path(snakemake.input.manifest),
        Acquire(**snakemake.params.acquire),
        Grid(**snakemake.params.config),
        start,
        end,
        Path(snakemake.output[0]),
        Path(snakemake.params.folder),
        workers=snakemake.params.workers,
    )
