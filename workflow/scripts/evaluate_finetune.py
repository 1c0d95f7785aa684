"""Adapter of the rule evaluate_finetune."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.evaluation import Evaluate
from mmaq.config.load import check_config

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluate.stage import evaluate_finetune

    whole = check_config(snakemake.config, "the configuration")
    evaluate_finetune(
        sites=Path(snakemake.input.sites),
        store=Path(snakemake.input.store[0]).parent,
        checkpoints=[Path(path) for path in snakemake.input.get("encoders", [])],
        config=Evaluate.narrow(snakemake.params.config, whole.evaluate),
        protocol=snakemake.wildcards.protocol,
        method=snakemake.wildcards.method,
        calibrated=snakemake.params.calibrated,
        out=Path(snakemake.output.predictions),
        fits=Path(snakemake.output.fits),
    )
