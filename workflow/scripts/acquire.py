"""Adapter of the rule acquire."""

from pathlib import Path

from mmaq.config.data import Files
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.files import catalogue

    catalogue(Files(**snakemake.params.config), Path(snakemake.output[0]).parents[1])
