"""Adapter of the rule landuse."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Landuse, Period

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.landuse.stage import landuse

    landuse(
        archive=Path(snakemake.input.tables[0]).parents[1],
        config=Landuse.narrow(snakemake.params.config),
        period=Period.narrow(snakemake.params.period),
        out=Path(snakemake.output[0]),
    )
