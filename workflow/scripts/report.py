"""Adapter of the rule report."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.evaluation import Evaluate
from mmaq.config.load import check_config

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.report.stage import report

    whole = check_config(snakemake.config, "the configuration")
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
        config=Evaluate.narrow(snakemake.params.config, whole.evaluate),
        out=Path(snakemake.output.page),
        metrics=Path(snakemake.input.metrics),
    )
