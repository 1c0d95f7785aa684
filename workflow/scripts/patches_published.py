"""Adapter of the rule patches_published."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Patches, Published

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.patches.stage import patches_published

    patches_published(
        config=Published.narrow(snakemake.params.published),
        patches=Patches.narrow(snakemake.params.config),
        sites=Path(snakemake.input.sites),
        out=Path(snakemake.output[0]).parent,
    )
