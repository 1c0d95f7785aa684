# A map of an area, the estimator of `predict` at each of its cells, and its page.
rule map_area:
    input:
        estimator=PATHS.estimator(*CONFIG.predict.estimator),
        ancillary=made(ANCILLARY, collection(ANCILLARY)),
        rasters=covariate_rasters,
        land=land_raster,
        sentinel2=made(SENTINEL2, collection(SENTINEL2)),
        grid=made(SENTINEL5P, PATHS.grid),
        truth=made(TRUTH, collection(TRUTH)),
    output:
        map=PATHS.map("{area}"),
        beside=[PATHS.map("{area}").with_suffix(suffix) for suffix in (".json", ".png")],
    log:
        f"{LOGS}/map_area_{{area}}.log",
    benchmark:
        f"{TIMINGS}/map_area_{{area}}.tsv"
    wildcard_constraints:
        area="|".join(CONFIG.mapped) or "none",
    conda:
        "../environment.yaml"
    threads: 2
    resources:
        mem_mb=4000,
    params:
        area=lambda wildcards: CONFIG.mapped[wildcards.area].decisive(),
        config=section("map", "siting", "thresholds"),
        landuse=section("landuse", "radius_m", "potential", "covariates"),
        patches=section("patches"),
        period=section("period"),
        work=lambda wildcards: str(PATHS.tiles(wildcards.area)),
        code=code("mmaq.map.stage.map_area"),
    script:
        "../workflow/scripts/map_area.py"


# What the people of an area and of its districts breathe, where a map says where they live.
rule exposure:
    input:
        map=PATHS.map("{area}"),
        estimator=PATHS.estimator(*CONFIG.predict.estimator),
        ancillary=collection(ANCILLARY),
        truth=made(TRUTH, collection(TRUTH)),
        districts=[path for path in [CONFIG.map.districts] if path],
    output:
        table=PATHS.exposure("{area}"),
        polygons=PATHS.exposure("{area}").with_suffix(".gpkg"),
    log:
        f"{LOGS}/exposure_{{area}}.log",
    benchmark:
        f"{TIMINGS}/exposure_{{area}}.tsv"
    wildcard_constraints:
        area="|".join(CONFIG.mapped) or "none",
    conda:
        "../environment.yaml"
    resources:
        mem_mb=1500,
    params:
        area=lambda wildcards: CONFIG.mapped[wildcards.area].decisive(),
        config=section("map", "thresholds", "districts", "district_name"),
        code=code("mmaq.map.stage.exposure"),
    script:
        "../workflow/scripts/exposure.py"


rule map_page:
    input:
        map=PATHS.map("{area}"),
        exposed=made(ANCILLARY, PATHS.exposure("{area}")),
        estimator=PATHS.estimator(*CONFIG.predict.estimator),
        ancillary=made(ANCILLARY, collection(ANCILLARY)),
        truth=made(TRUTH, collection(TRUTH)),
        sites=PATHS.sites,
        table=PATHS.benchmark,
    output:
        page=PATHS.map_page("{area}"),
        compared=made(TRUTH, PATHS.map_truth("{area}")),
    log:
        f"{LOGS}/map_page_{{area}}.log",
    benchmark:
        f"{TIMINGS}/map_page_{{area}}.tsv"
    wildcard_constraints:
        area="|".join(CONFIG.mapped) or "none",
    conda:
        "../environment.yaml"
    resources:
        mem_mb=1000,
    params:
        area=lambda wildcards: CONFIG.mapped[wildcards.area].decisive(),
        period=section("period"),
        evaluate=section("evaluate", "splits", *MEASURING),
        code=code("mmaq.map.stage.map_page"),
    script:
        "../workflow/scripts/map_page.py"
