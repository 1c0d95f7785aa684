"""Adapter of the rule comparisons."""

from pathlib import Path

from mmaq.base.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.evaluate.stage import comparisons

    comparisons(
        predictions=[Path(part) for part in snakemake.input.predictions],
        sites=Path(snakemake.input.sites),
        draws=snakemake.params.draws,
        dataset=snakemake.params.dataset,
        out=Path(snakemake.output[0]),
    )
