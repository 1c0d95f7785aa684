# Sentinel-5P level 2 to a level-3 mean: parts of the period side by side, then one merge.
if has_collection(SENTINEL5P):

    rule grid_part:
        input:
            collection=collection(SENTINEL5P),
            sources=stage_sources("mmaq.sentinel5p"),
        output:
            str(PATHS.grid_part("{part}")),
        log:
            f"{LOGS}/grid_part_{{part}}.log",
        benchmark:
            f"{TIMINGS}/grid_part_{{part}}.tsv"
        conda:
            "../environment.yaml"
        resources:
            mem_mb=2000,
        params:
            config=section("grid"),
            days=part_days,
        script:
            "../workflow/scripts/grid_part.py"

    rule grid:
        input:
            parts=[str(PATHS.grid_part(part)) for part in PARTS],
            sources=stage_sources("mmaq.sentinel5p"),
        output:
            PATHS.grid,
        log:
            f"{LOGS}/grid.log",
        benchmark:
            f"{TIMINGS}/grid.tsv"
        conda:
            "../environment.yaml"
        resources:
            mem_mb=2000,
        params:
            config=section("grid"),
        script:
            "../workflow/scripts/grid.py"
