"""Adapter of the rule evaluate_references."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.evaluation import Evaluate

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluate.stage import evaluate_references

    truth = snakemake.input.get("truth")
    evaluate_references(
        sites=Path(snakemake.input.sites),
        store=Path(snakemake.input.store[0]).parent,
        archive=Path(truth[0]).parents[1] if truth else None,
        config=Evaluate.narrow(snakemake.params.config),
        dataset=snakemake.params.dataset,
        out=Path(snakemake.output.rows),
        predictions=Path(snakemake.output.predictions),
    )
