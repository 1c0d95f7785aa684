# MMAQ: from raw satellite data to a benchmark table.
#
#   snakemake --cores 8 results/benchmark.csv
#   snakemake --cores 2 results/published/benchmark.csv --configfile config/published.yaml


configfile: workflow.source_path("config/config.yaml")


include: "rules/common.smk"
include: "rules/archive.smk"
include: "rules/grid.smk"
include: "rules/landuse.smk"
include: "rules/patches.smk"
include: "rules/pretrain.smk"
include: "rules/evaluate.smk"
include: "rules/transfer.smk"
include: "rules/predict.smk"
include: "rules/map.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        PATHS.benchmark,
        PATHS.comparisons,
        PATHS.report,
        [PATHS.map_page(area) for area in CONFIG.mapped],
