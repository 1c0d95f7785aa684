# NO2 with its interval at every site: heads on frozen encoders, and what they say.
rule predictor:
    input:
        encoders=f"{PATHS.checkpoints}/{CONFIG.pretrain.method}.safetensors",
        store=STORE,
        sites=PATHS.sites,
    output:
        PATHS.predictor(CONFIG.pretrain.method),
    log:
        f"{LOGS}/predictor.log",
    benchmark:
        f"{TIMINGS}/predictor.tsv"
    conda:
        "../environment.yaml"
    threads: CONFIG.evaluate.threads
    resources:
        gpu=GPUS,
        mem_mb=4000,
    params:
        config=section("evaluate", "folds", "buffer_km", "seeds"),
        dataset=CONFIG.name,
        code=code("mmaq.prediction.stage.predictor"),
    script:
        "../workflow/scripts/predictor.py"


rule predict:
    input:
        predictor=PATHS.predictor(CONFIG.pretrain.method),
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
        mem_mb=4000,
    params:
        code=code("mmaq.prediction.stage.predict"),
    script:
        "../workflow/scripts/predict.py"
