"""Adapter of the rule fit."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.learning import Encoders
from mmaq.config.load import check_config

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.predict.stage import fit

    whole = check_config(snakemake.config, "the configuration")
    fit(
        sites=Path(snakemake.input.sites),
        store=Path(snakemake.input.store[0]).parent,
        checkpoint=next(map(Path, snakemake.input.get("encoders", [])), None),
        encoders=Encoders(**snakemake.params.encoders),
        evaluate=Evaluate.narrow(snakemake.params.evaluate, whole.evaluate),
        config=Predict.narrow(snakemake.params.config),
        chosen=None,
        out=Path(snakemake.output[0]),
    )
