# The report: one page that opens offline, and its plots beside it.
rule report:
    input:
        benchmark=PATHS.benchmark,
        predictions=[f"{EVALUATED}/{part}.parquet" for part in EVALUATION_PARTS],
        comparisons=PATHS.comparisons,
        metrics=PATHS.metrics,
        sites=PATHS.sites,
        store=STORE,
        losses=loss_curves(),
    output:
        page=report(
            str(PATHS.report),
            caption="../workflow/report/page.rst",
            category="Report",
            labels={"result": "the whole report"},
        ),
        figures=report(
            directory(PATHS.figures),
            patterns=["{plot}.svg"],
            caption="../workflow/report/figure.rst",
            category="Figures",
            labels={"figure": "{plot}"},
        ),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{TIMINGS}/report.tsv"
    conda:
        "../environment.yaml"
    resources:
        mem_mb=1000,
    params:
        dataset=CONFIG.name,
        simulated=CONFIG.source == "simulate",
        config=section("evaluate", *MEASURING),
        timings=timing_files(),
        code=code("mmaq.report.stage.report"),
    script:
        "../workflow/scripts/report.py"
