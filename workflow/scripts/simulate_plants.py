"""Adapter of the rule simulate_plants."""

from pathlib import Path

from mmaq.config.data import Period, Simulate
from mmaq.config.transfer import Transfer
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.simulate.plants import simulate_plants

    simulate_plants(
        Simulate(**snakemake.params.config),
        Period(**snakemake.params.period),
        Transfer(**snakemake.params.transfer),
        Path(snakemake.output[0]).parent,
    )
