"""Adapter of the rule acquire."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Files

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.stage import acquire

    acquire(
        config=Files.narrow(snakemake.params.config), archive=Path(snakemake.output[0]).parents[1]
    )
