# Contract 2, the site table: land-use features and targets of every site.
rule landuse:
    input:
        tables=landuse_tables(),
        sources=stage_sources("mmaq.landuse"),
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
        mem_mb=4000,
    params:
        source=CONFIG.source,
        config=section("landuse"),
        period=section("period"),
        published=section("published"),
    script:
        "../workflow/scripts/landuse.py"
