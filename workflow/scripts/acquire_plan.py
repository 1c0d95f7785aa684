"""Adapter of the rule acquire_plan."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.acquire import Acquire
from mmaq.config.data import Landuse, Patches, Period

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.stage import acquire_plan

    asked = snakemake.params
    acquire_plan(
        config=Acquire.narrow(asked.acquire),
        period=Period.model_validate(asked.period),
        landuse=Landuse.narrow({"radius_m": asked.radius_m}),
        patches=Patches.narrow({"s2_size": asked.s2_size}),
        areas=asked.areas,
        folder=Path(snakemake.output.sites).parent,
    )
