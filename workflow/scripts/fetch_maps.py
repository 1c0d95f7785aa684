"""Adapter of the rule fetch_maps."""

from pathlib import Path

from mmaq.config.acquire import Acquire
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.ground import fetch_maps

    fetch_maps(
        Path(snakemake.input.manifest),
        Path(snakemake.input.sites),
        Acquire(**snakemake.params.config),
        Path(snakemake.output[0]).parents[1],
        workers=snakemake.params.workers,
    )
