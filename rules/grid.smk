# Sentinel-5P level 2 to a level-3 mean: parts of the period side by side, then one merge.
if CONFIG.drops_granules:

    # Granules are fetched, added to the part and dropped; a part goes on from what it holds.
    rule grid_and_drop_part:
        input:
            manifest=manifest(SENTINEL5P),
        output:
            update(str(PATHS.grid_part("{part}"))),
        log:
            f"{LOGS}/grid_part_{{part}}.log",
        benchmark:
            f"{TIMINGS}/grid_and_drop_part_{{part}}.tsv"
        priority: AWAITED
        conda:
            "../environment.yaml"
        resources:
            cdse=data_space(CONFIG.acquire.sentinel5p.provider),
            mem_mb=3000,
            runtime=1440,
        params:
            acquire=acquired(),
            config=section("grid", *GRIDDING),
            days=part_days,
            code=code("mmaq.sentinel5p.stage.grid_part"),
            folder=str(PATHS.passing),
            workers=transfers(CONFIG.acquire.sentinel5p.provider),
        script:
            "../workflow/scripts/grid_and_drop_part.py"

elif has_collection(SENTINEL5P):

    # A part is kept when its rule runs again: only granules that are new are read then.
    rule grid_part:
        input:
            collection=collection(SENTINEL5P),
        output:
            update(str(PATHS.grid_part("{part}"))),
        log:
            f"{LOGS}/grid_part_{{part}}.log",
        benchmark:
            f"{TIMINGS}/grid_part_{{part}}.tsv"
        priority: AWAITED
        conda:
            "../environment.yaml"
        resources:
            mem_mb=1000,
        params:
            config=section("grid", *GRIDDING),
            days=part_days,
            code=code("mmaq.sentinel5p.stage.grid_part"),
        script:
            "../workflow/scripts/grid_part.py"


if has_collection(SENTINEL5P):

    rule grid:
        input:
            parts=[str(PATHS.grid_part(part)) for part in PARTS],
        output:
            PATHS.grid,
        log:
            f"{LOGS}/grid.log",
        benchmark:
            f"{TIMINGS}/grid.tsv"
        priority: AWAITED
        conda:
            "../environment.yaml"
        resources:
            mem_mb=1000,
        params:
            config=section("grid", *GRIDDING),
            code=code("mmaq.sentinel5p.stage.grid"),
        script:
            "../workflow/scripts/grid.py"

    # Asked for by name: snakemake --cores 2 data/default/grid/means/2021M03.nc
    use rule grid as grid_mean with:
        input:
            parts=parts_within,
        output:
            str(PATHS.grid_mean("{span}")),
        log:
            f"{LOGS}/grid_mean_{{span}}.log",
        benchmark:
            f"{TIMINGS}/grid_mean_{{span}}.tsv"
