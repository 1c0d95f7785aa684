"""Adapter of the rule fetch_maps."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.acquire import Acquire

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.stage import fetch_maps

    fetch_maps(
        manifest=Path(snakemake.input.manifest),
        sites=Path(snakemake.input.sites),
        config=Acquire.narrow(snakemake.params.config),
        archive=Path(snakemake.output[0]).parents[1],
        workers=snakemake.params.workers,
    )
