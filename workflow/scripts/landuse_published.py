"""Adapter of the rule landuse_published."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Landuse, Published

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.landuse.stage import landuse_published

    landuse_published(
        config=Published.narrow(snakemake.params.published),
        covariates=Landuse.narrow(snakemake.params.landuse).covariates,
        out=Path(snakemake.output[0]),
    )
