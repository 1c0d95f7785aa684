"""Adapter of the rule exposure."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.map import Area, Map

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.map.stage import exposure

    exposure(
        area=Area.narrow(snakemake.params.area),
        config=Map.narrow(snakemake.params.config),
        raster=Path(snakemake.input.map),
        archive=Path(snakemake.input.ancillary).parents[1],
        estimator=Path(snakemake.input.estimator),
        out=Path(snakemake.output.table),
    )
