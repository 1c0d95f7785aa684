"""Adapter of the rule plants."""

from pathlib import Path

from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.transfer import prepare_plants

    prepare_plants(Path(snakemake.input.labels).parent, Path(snakemake.output[0]).parent)
