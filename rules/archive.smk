# Contract 1, the raw archive: simulated, or catalogued from files that the user has.
if CONFIG.source == "simulate":

    rule simulate:
        input:
            sources=stage_sources("mmaq.simulate"),
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
            mem_mb=6000,
        params:
            config=section("simulate"),
            period=section("period"),
        script:
            "../workflow/scripts/simulate.py"


if CONFIG.source == "files":

    rule acquire:
        input:
            sources=stage_sources("mmaq.acquire.files"),
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
        script:
            "../workflow/scripts/acquire.py"
