"""Adapter of the rule fetch_published."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.acquire import Acquire

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.stage import fetch_published

    fetch_published(config=Acquire.narrow(snakemake.params.config), out=Path(snakemake.output[0]))
