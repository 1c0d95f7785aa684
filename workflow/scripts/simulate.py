"""Adapter of the rule simulate."""

from pathlib import Path

from mmaq.config.data import Period, Simulate
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.simulate import simulate

    simulate(
        Simulate(**snakemake.params.config),
        Period(**snakemake.params.period),
        Path(snakemake.output[0]).parents[1],
        workers=snakemake.threads,
    )
