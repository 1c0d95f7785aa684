"""Adapter of the rule predictor."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.evaluation import Evaluate
from mmaq.config.load import check_config

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.prediction.stage import predictor

    whole = check_config(snakemake.config, "the configuration")
    predictor(
        sites=Path(snakemake.input.sites),
        store=Path(snakemake.input.store[0]).parent,
        checkpoint=Path(snakemake.input.encoders),
        config=Evaluate.narrow(snakemake.params.config, whole.evaluate),
        dataset=snakemake.params.dataset,
        out=Path(snakemake.output[0]),
    )
