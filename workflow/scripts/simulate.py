"""Adapter of the rule simulate."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Period, Simulate

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.simulate.stage import simulate

    simulate(
        config=Simulate.narrow(snakemake.params.config),
        period=Period.narrow(snakemake.params.period),
        archive=Path(snakemake.output[0]).parents[1],
        workers=snakemake.threads,
    )
