"""Adapter of the rule grid."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Grid

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.sentinel5p.stage import grid

    parts = [Path(part) for part in snakemake.input.parts]
    grid(parts=parts, config=Grid.narrow(snakemake.params.config), out=Path(snakemake.output[0]))
