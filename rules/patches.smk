# Contract 3, the patch store: the pixels around each site.
if CONFIG.source != "published":

    rule patches:
        input:
            sentinel2=made(SENTINEL2, collection(SENTINEL2)),
            grid=made(SENTINEL5P, PATHS.grid),
            ancillary=made(ANCILLARY, collection(ANCILLARY)),
            sites=PATHS.sites,
        output:
            STORE,
        log:
            f"{LOGS}/patches.log",
        benchmark:
            f"{TIMINGS}/patches.tsv"
        priority: AWAITED
        conda:
            "../environment.yaml"
        threads: 2
        resources:
            mem_mb=1500,
        params:
            config=section("patches"),
            code=code("mmaq.patches.stage.patches"),
        script:
            "../workflow/scripts/patches.py"

else:

    rule patches_published:
        input:
            sites=PATHS.sites,
        output:
            STORE,
        log:
            f"{LOGS}/patches_published.log",
        benchmark:
            f"{TIMINGS}/patches_published.tsv"
        priority: AWAITED
        conda:
            "../environment.yaml"
        threads: 2
        resources:
            mem_mb=4000,
        params:
            config=section("patches", "s2_size", "s5p_size"),
            published=section("published", "samples", "images"),
            own=own_files(*CONFIG.published.folders),
            code=code("mmaq.patches.stage.patches_published"),
        script:
            "../workflow/scripts/patches_published.py"


# The store of scenes of power plants.
rule plants:
    input:
        labels=plant_labels,
    output:
        PLANTS,
    log:
        f"{LOGS}/plants.log",
    benchmark:
        f"{TIMINGS}/plants.tsv"
    conda:
        "../environment.yaml"
    resources:
        mem_mb=2000,
    params:
        own=own_files(*filter(None, [CONFIG.transfer.images])),
        code=code("mmaq.transfer.stage.plants"),
    script:
        "../workflow/scripts/plants.py"
