"""Adapter of the rule report."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.report.stage import report

    losses = snakemake.input.get("losses")
    report(
        benchmark=Path(snakemake.input.benchmark),
        predictions=[Path(path) for path in snakemake.input.predictions],
        comparisons=Path(snakemake.input.comparisons),
        sites=Path(snakemake.input.sites),
        store=Path(snakemake.input.store[0]).parent,
        losses=Path(losses[0]) if losses else None,
        timings={
            rule: [Path(path) for path in paths] for rule, paths in snakemake.params.timings.items()
        },
        dataset=snakemake.params.dataset,
        simulated=snakemake.params.simulated,
        out=Path(snakemake.output.page),
        metrics=Path(snakemake.input.metrics),
    )
