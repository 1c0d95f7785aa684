"""Adapter of the rule fit."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging
from mmaq.config.evaluation import Evaluate, Predict
from mmaq.config.learning import Encoders

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.predict.stage import fit

    fit(
        sites=Path(snakemake.input.sites),
        store=Path(snakemake.input.store[0]).parent,
        checkpoint=next(map(Path, snakemake.input.get("encoders", [])), None),
        encoders=Encoders(**snakemake.params.encoders),
        evaluate=Evaluate(**snakemake.params.evaluate),
        config=Predict(**snakemake.params.config),
        chosen=None,
        out=Path(snakemake.output[0]),
    )
