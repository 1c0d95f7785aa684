"""Adapter of the rule plants."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.transfer.stage import plants

    plants(scenes=Path(snakemake.input.labels).parent, out=Path(snakemake.output[0]).parent)
