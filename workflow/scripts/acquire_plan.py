"""Adapter of the rule acquire_plan."""

from pathlib import Path

from mmaq.config.acquire import Acquire
from mmaq.config.data import Landuse, Patches, Period
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.search import search

    asked = snakemake.params
    search(
        Acquire.model_validate(asked.acquire),
        Period.model_validate(asked.period),
        Landuse(radius_m=asked.radius_m),
        Patches(s2_size=asked.s2_size),
        Path(snakemake.output.sites).parent,
    )
