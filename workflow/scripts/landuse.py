"""Adapter of the rule landuse."""

from pathlib import Path

from mmaq.config.data import Landuse, Period, Published
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.landuse import build_published_sites, build_sites

    landuse = Landuse(**snakemake.params.config)
    out = Path(snakemake.output[0])
    if snakemake.params.source == "published":
        build_published_sites(Published(**snakemake.params.published), landuse, out)
    else:
        period = Period(**snakemake.params.period)
        build_sites(Path(snakemake.input.tables[0]).parents[1], landuse, period, out)
