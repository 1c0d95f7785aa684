"""Adapter of the rule patches."""

from pathlib import Path

from mmaq.config.data import Patches, Published
from mmaq.logs import one_line_errors, start_logging

start_logging(snakemake.log[0])
with one_line_errors():
    from mmaq.patches.build import build_patches
    from mmaq.patches.published import build_published_patches

    config = Patches(**snakemake.params.config)
    sites, store = Path(snakemake.input.sites), Path(snakemake.output[0]).parent
    if snakemake.params.source == "published":
        build_published_patches(Published(**snakemake.params.published), config, sites, store)
    else:
        grids = [Path(path) for path in snakemake.input.get("grid", [])]
        l3 = grids[0] if grids else None
        archive = Path(snakemake.input.ancillary[0]).parents[1]
        build_patches(archive, sites, l3, config, store, workers=snakemake.threads)
