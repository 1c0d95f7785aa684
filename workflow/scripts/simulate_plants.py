"""Adapter of the rule simulate_plants."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.data import Period, Simulate
from mmaq.config.transfer import Transfer

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.simulate.stage import simulate_plants

    simulate_plants(
        config=Simulate.narrow(snakemake.params.config),
        period=Period.narrow(snakemake.params.period),
        transfer=Transfer.narrow(snakemake.params.transfer),
        scenes=Path(snakemake.output[0]).parent,
    )
