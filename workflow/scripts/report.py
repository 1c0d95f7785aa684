"""Adapter of the rule report."""

from pathlib import Path

from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.report import write_report

    losses = snakemake.input.get("losses")
    write_report(
        Path(snakemake.input.benchmark),
        [Path(path) for path in snakemake.input.predictions],
        Path(snakemake.input.comparisons),
        Path(snakemake.input.sites),
        Path(snakemake.input.store[0]).parent,
        Path(losses[0]) if losses else None,
        [Path(path) for path in snakemake.params.timings],
        dataset=snakemake.params.dataset,
        simulated=snakemake.params.simulated,
        out=Path(snakemake.output.page),
    )
