"""Adapter of the rule grid."""

from pathlib import Path

from mmaq.config.data import Grid
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.sentinel5p import merge_parts

    parts = [Path(part) for part in snakemake.input.parts]
    merge_parts(parts, Grid(**snakemake.params.config), Path(snakemake.output[0]))
