"""Adapter of the rule acquire_plan."""

from pathlib import Path

from mmaq.config import Config
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.acquire.search import search

    asked = snakemake.params
    config = Config.model_validate(
        {
            "source": "acquire",
            "acquire": asked.acquire,
            "period": asked.period,
            "landuse": {"radius_m": asked.radius_m},
            "patches": {"s2_size": asked.s2_size},
        }
    )
    search(config, Path(snakemake.output.sites).parent)
