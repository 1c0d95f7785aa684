"""Adapter of the rule grid_and_drop_part."""

from datetime import date
from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.acquire import Acquire
from mmaq.config.data import Grid

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.stage import grid_and_drop_part

    start, end = map(date.fromisoformat, snakemake.params.days)
    grid_and_drop_part(
        manifest=Path(snakemake.input.manifest),
        config=Acquire.narrow(snakemake.params.acquire),
        grid=Grid.narrow(snakemake.params.config),
        start=start,
        end=end,
        out=Path(snakemake.output[0]),
        folder=Path(snakemake.params.folder),
        workers=snakemake.params.workers,
    )
