# Contract 2, the site table: land-use features and targets of every site.
if CONFIG.source != "published":

    rule landuse:
        input:
            tables=landuse_tables(),
            rasters=covariate_rasters,
        output:
            PATHS.sites,
        log:
            f"{LOGS}/landuse.log",
        benchmark:
            f"{TIMINGS}/landuse.tsv"
        priority: AWAITED
        conda:
            "../environment.yaml"
        resources:
            mem_mb=1500,
        params:
            config=section("landuse"),
            period=section("period"),
            code=code("mmaq.landuse.stage.landuse"),
        script:
            "../workflow/scripts/landuse.py"

else:

    rule landuse_published:
        input:
            tables=landuse_tables(),
            rasters=covariate_rasters,
        output:
            PATHS.sites,
        log:
            f"{LOGS}/landuse_published.log",
        benchmark:
            f"{TIMINGS}/landuse_published.tsv"
        priority: AWAITED
        conda:
            "../environment.yaml"
        resources:
            mem_mb=1500,
        params:
            published=section("published", "samples", "eea_metadata", "osm"),
            landuse=section("landuse", "covariates"),
            code=code("mmaq.landuse.stage.landuse_published"),
        script:
            "../workflow/scripts/landuse_published.py"
