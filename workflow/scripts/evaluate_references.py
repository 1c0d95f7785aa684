"""Adapter of the rule evaluate_references."""

from pathlib import Path

from mmaq.config.evaluation import Evaluate
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluation import evaluate_references

    truth = snakemake.input.get("truth")
    evaluate_references(
        Path(snakemake.input.sites),
        Path(snakemake.input.store[0]).parent,
        Path(truth[0]).parents[1] if truth else None,
        Evaluate(**snakemake.params.config),
        snakemake.params.dataset,
        Path(snakemake.output.rows),
        Path(snakemake.output.predictions),
    )
