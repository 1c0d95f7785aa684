# Contract 1, the raw archive: simulated, catalogued from files that the user has, or acquired;
# or published tables in its place.
if CONFIG.source == "simulate":

    rule simulate:
        output:
            [collection(name) for name in collections_made()],
        log:
            f"{LOGS}/simulate.log",
        benchmark:
            f"{TIMINGS}/simulate.tsv"
        conda:
            "../environment.yaml"
        threads: 2
        resources:
            mem_mb=2500,
        params:
            config=section("simulate"),
            period=section("period"),
            code=code("mmaq.simulate.stage.simulate"),
        script:
            "../workflow/scripts/simulate.py"


if CONFIG.source == "files":

    rule acquire:
        output:
            [collection(name) for name in collections_made()],
        log:
            f"{LOGS}/acquire.log",
        benchmark:
            f"{TIMINGS}/acquire.tsv"
        conda:
            "../environment.yaml"
        resources:
            mem_mb=2000,
        params:
            config=section("files"),
            own=own_files(*CONFIG.files.searched, flat=CONFIG.files.ancillary),
            code=code("mmaq.acquire.stage.acquire"),
        script:
            "../workflow/scripts/acquire.py"


if CONFIG.source == "acquire":

    # The search is frozen. Its answer is that of a day, and another day's is another data set: so
    # it runs once for what is asked, and no edit of the code runs it again (no digest of it; the
    # adapter holds nothing that would be edited). Search anew: snakemake --forcerun acquire_plan.
    # An edit of the table of sites asks something else; where there is none, no parameter is added.
    TABLE = CONFIG.acquire.unlabelled_table
    TABLE_ASKED = {"own": own_files(TABLE)} if TABLE else {}

    rule acquire_plan:
        output:
            manifests=[manifest(name) for name in collections_made()],
            sites=f"{PATHS.manifests}/{SITES}",
            table=f"{PATHS.manifests}/stations.tsv",
        log:
            f"{LOGS}/acquire_plan.log",
        benchmark:
            f"{TIMINGS}/acquire_plan.tsv"
        conda:
            "../environment.yaml"
        resources:
            cdse=OF_THE_DATA_SPACE,
            mem_mb=4000,
        params:
            **TABLE_ASKED,
            acquire=CONFIG.acquire.searched(),
            period=section("period"),
            radius_m=CONFIG.landuse.radius_m,
            s2_size=CONFIG.patches.s2_size,
            areas=CONFIG.boxes,
        script:
            "../workflow/scripts/acquire_plan.py"

    # What follows fetches what the manifest lists and no more; an edit of the code fetches nothing
    # again. A run that was stopped, or in which a product failed, goes on from what is complete.
    rule fetch_stations:
        input:
            manifest=manifest(STATIONS),
            sites=f"{PATHS.manifests}/{SITES}",
            table=f"{PATHS.manifests}/stations.tsv",
        output:
            collection(STATIONS),
        log:
            f"{LOGS}/fetch_stations.log",
        benchmark:
            f"{TIMINGS}/fetch_stations.tsv"
        conda:
            "../environment.yaml"
        resources:
            mem_mb=2000,
            runtime=1440,
        params:
            config=acquired(),
            workers=TRANSFERS,
        script:
            "../workflow/scripts/fetch_stations.py"

    rule fetch_maps:
        input:
            manifest=manifest(ANCILLARY),
            sites=f"{PATHS.manifests}/{SITES}",
        output:
            collection(ANCILLARY),
        log:
            f"{LOGS}/fetch_maps.log",
        benchmark:
            f"{TIMINGS}/fetch_maps.tsv"
        conda:
            "../environment.yaml"
        resources:
            mem_mb=4000,
            runtime=1440,
        params:
            config=acquired("bbox"),
            workers=TRANSFERS,
        script:
            "../workflow/scripts/fetch_maps.py"


if CONFIG.source == "acquire" and has_collection(SENTINEL2):

    rule fetch_sentinel2:
        input:
            manifest=manifest(SENTINEL2),
            sites=f"{PATHS.manifests}/{SITES}",
        output:
            collection(SENTINEL2),
        log:
            f"{LOGS}/fetch_sentinel2.log",
        benchmark:
            f"{TIMINGS}/fetch_sentinel2.tsv"
        conda:
            "../environment.yaml"
        resources:
            cdse=data_space(CONFIG.acquire.sentinel2.provider),
            mem_mb=4000,
            runtime=1440,
        params:
            config=acquired(),
            patches=section("patches", "s2_size"),
            workers=transfers(CONFIG.acquire.sentinel2.provider),
        script:
            "../workflow/scripts/fetch_sentinel2.py"


# Where granules are not kept, the rule grid_part fetches them.
if (
    CONFIG.source == "acquire"
    and has_collection(SENTINEL5P)
    and not CONFIG.drops_granules
):

    rule fetch_sentinel5p:
        input:
            manifest=manifest(SENTINEL5P),
        output:
            collection(SENTINEL5P),
        log:
            f"{LOGS}/fetch_sentinel5p.log",
        benchmark:
            f"{TIMINGS}/fetch_sentinel5p.tsv"
        conda:
            "../environment.yaml"
        resources:
            cdse=data_space(CONFIG.acquire.sentinel5p.provider),
            mem_mb=2000,
            runtime=1440,
        params:
            config=acquired(),
            workers=transfers(CONFIG.acquire.sentinel5p.provider),
        script:
            "../workflow/scripts/fetch_sentinel5p.py"


# Published tables of stations, where none of the user's stands in the configuration. An edit of
# the code fetches nothing again. What the user has put there is kept: `update` has Snakemake not
# delete it first, and the stage leaves it as it is.
if CONFIG.source == "published":

    rule fetch_published:
        output:
            update(f"{RAW}/{{table}}"),
        log:
            f"{LOGS}/fetch_published_{{table}}.log",
        benchmark:
            f"{TIMINGS}/fetch_published_{{table}}.tsv"
        wildcard_constraints:
            table="|".join(map(re.escape, published_tables())),
        priority: AWAITED
        conda:
            "../environment.yaml"
        resources:
            mem_mb=1000,
            runtime=60,
        params:
            config=section("acquire", "endpoints"),
        script:
            "../workflow/scripts/fetch_published.py"


# Scenes of power plants for the transfer tasks, where no folder of them is given.
rule simulate_plants:
    output:
        f"{PATHS.plant_scenes}/labels.csv",
    log:
        f"{LOGS}/simulate_plants.log",
    benchmark:
        f"{TIMINGS}/simulate_plants.tsv"
    conda:
        "../environment.yaml"
    resources:
        mem_mb=1000,
    params:
        config=section("simulate", "world_version", "seed", "extent_km"),
        period=section("period"),
        transfer=section("transfer", "scenes", "plants"),
        code=code("mmaq.simulate.stage.simulate_plants"),
    script:
        "../workflow/scripts/simulate_plants.py"
