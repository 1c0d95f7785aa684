"""Adapter of the rule fetch_sentinel2."""

from pathlib import Path

from mmaq.config.acquire import Acquire
from mmaq.config.data import Patches
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.fetch import fetch_sentinel2

    fetch_sentinel2(
        Path(snakemake.input.manifest),
        Path(snakemake.input.sites),
        Acquire(**snakemake.params.config),
        Patches(**snakemake.params.patches),
        Path(snakemake.output[0]).parents[1],
        workers=snakemake.params.workers,
    )
