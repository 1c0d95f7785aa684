"""Adapter of the rule map_page."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Period
from mmaq.config.evaluation import Evaluate
from mmaq.config.map import Area

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.map.stage import map_page

    map_page(
        area=Area.narrow(snakemake.params.area),
        raster=Path(snakemake.input.map),
        archive=next((Path(path).parents[1] for path in snakemake.input.ancillary), None),
        estimator=Path(snakemake.input.estimator),
        period=Period.narrow(snakemake.params.period),
        sites=Path(snakemake.input.sites),
        table=Path(snakemake.input.table),
        exposed=next(map(Path, snakemake.input.get("exposed", [])), None),
        compared=next(map(Path, snakemake.output.get("compared", [])), None),
        evaluate=Evaluate.narrow(snakemake.params.evaluate),
        out=Path(snakemake.output.page),
    )
