# The report: one page that opens offline.
rule report:
    input:
        benchmark=PATHS.benchmark,
        predictions=[f"{EVALUATED}/{part}.parquet" for part in EVALUATION_PARTS],
        sites=PATHS.sites,
        losses=loss_curves(),
        sources=stage_sources("mmaq.report"),
    output:
        page=PATHS.report,
        figure=f"{PATHS.results}/r2_by_method.svg",
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{TIMINGS}/report.tsv"
    conda:
        "../environment.yaml"
    resources:
        mem_mb=2000,
    params:
        dataset=CONFIG.name,
        simulated=CONFIG.source == "simulate",
        timings=timing_files(),
    script:
        "../workflow/scripts/report.py"
