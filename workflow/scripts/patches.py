"""Adapter of the rule patches."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Patches

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.patches.stage import patches

    patches(
        archive=Path(snakemake.input.ancillary[0]).parents[1],
        sites=Path(snakemake.input.sites),
        l3=next(map(Path, snakemake.input.get("grid", [])), None),
        config=Patches.narrow(snakemake.params.config),
        out=Path(snakemake.output[0]).parent,
        workers=snakemake.threads,
    )
