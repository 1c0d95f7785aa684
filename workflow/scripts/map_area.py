"""Adapter of the rule map_area."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Landuse, Patches, Period
from mmaq.config.map import Area, Map

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.map.stage import map_area

    map_area(
        area=Area.narrow(snakemake.params.area),
        config=Map.narrow(snakemake.params.config),
        archive=next((Path(path).parents[1] for path in snakemake.input.ancillary), None),
        l3=next(map(Path, snakemake.input.get("grid", [])), None),
        estimator=Path(snakemake.input.estimator),
        landuse=Landuse.narrow(snakemake.params.landuse),
        patches=Patches.narrow(snakemake.params.patches),
        period=Period.narrow(snakemake.params.period),
        threads=1,
        workers=snakemake.threads,
        work=Path(snakemake.params.work),
        out=Path(snakemake.output.map),
    )
