# NO2 with its interval at every site, by an estimator of the benchmark fitted to all stations.
rule fit:
    input:
        encoders=encoders_to_fit(),
        store=STORE,
        sites=PATHS.sites,
    output:
        PATHS.estimator(*CONFIG.predict.estimator),
    log:
        f"{LOGS}/fit.log",
    benchmark:
        f"{TIMINGS}/fit.tsv"
    conda:
        "../environment.yaml"
    threads: CONFIG.evaluate.threads
    resources:
        gpu=GPUS,
        mem_mb=memory(1600 + CUDA_MB, 2),
    params:
        evaluate=section("evaluate", *FITTING),
        config=section("predict"),
        encoders=CONFIG.pretrain.encoders.model_dump(mode="json"),
        code=code(
            "mmaq.predict.stage.fit",
            TRAINED=lambda _: learned_to_fit(),
            NETWORKS=lambda _: (
                CONFIG.predict.method
                if CONFIG.predict.estimator[1] == "supervised"
                else None
            ),
        ),
    script:
        "../workflow/scripts/fit.py"


rule predict:
    input:
        estimator=PATHS.estimator(*CONFIG.predict.estimator),
        store=STORE,
        sites=PATHS.sites,
    output:
        PATHS.predictions,
    log:
        f"{LOGS}/predict.log",
    benchmark:
        f"{TIMINGS}/predict.tsv"
    conda:
        "../environment.yaml"
    threads: CONFIG.evaluate.threads
    resources:
        gpu=GPUS,
        mem_mb=memory(1600 + CUDA_MB, 2),
    params:
        code=code("mmaq.predict.stage.predict"),
    script:
        "../workflow/scripts/predict.py"
