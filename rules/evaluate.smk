# Contract 5: test predictions of references, probes and networks, and the table made of them.
rule evaluate_references:
    input:
        truth=made(TRUTH, collection(TRUTH)),
        store=STORE,
        sites=PATHS.sites,
        sources=stage_sources("mmaq.evaluate.stage"),
    output:
        fits=f"{EVALUATED}/references.csv",
        predictions=f"{EVALUATED}/references.parquet",
    log:
        f"{LOGS}/evaluate_references.log",
    benchmark:
        f"{TIMINGS}/evaluate_references.tsv"
    priority: LONG
    conda:
        "../environment.yaml"
    resources:
        mem_mb=3000,
    params:
        config=section(
            "evaluate",
            unused=(
                *TRAINING,
                *FIGURES,
                "probes",
                "heads",
                "embedding_trees",
                "threads",
            ),
        ),
    script:
        "../workflow/scripts/evaluate_references.py"


rule evaluate_probes:
    input:
        encoders=encoders_of,
        store=STORE,
        sites=PATHS.sites,
        sources=stage_sources("mmaq.evaluate.stage"),
    output:
        fits=f"{EVALUATED}/probes_{{method}}.csv",
        predictions=f"{EVALUATED}/probes_{{method}}.parquet",
    log:
        f"{LOGS}/evaluate_probes_{{method}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_probes_{{method}}.tsv"
    wildcard_constraints:
        method="|".join(CONFIG.evaluate.probes),
    conda:
        "../environment.yaml"
    resources:
        gpu=GPUS,
        mem_mb=4000,
    params:
        config=section(
            "evaluate",
            unused=(*TRAINING, *FIGURES, "references", "probes", "embedding_trees"),
        ),
    script:
        "../workflow/scripts/evaluate_probes.py"


rule evaluate_gbm_embedding:
    input:
        encoders=encoders_of,
        store=STORE,
        sites=PATHS.sites,
        sources=stage_sources("mmaq.evaluate.stage"),
    output:
        fits=f"{EVALUATED}/gbm_embedding_{{method}}.csv",
        predictions=f"{EVALUATED}/gbm_embedding_{{method}}.parquet",
    log:
        f"{LOGS}/evaluate_gbm_embedding_{{method}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_gbm_embedding_{{method}}.tsv"
    wildcard_constraints:
        method="|".join(SELF_SUPERVISED + ("mmaq_s2",)),
    conda:
        "../environment.yaml"
    resources:
        gpu=GPUS,
        mem_mb=4000,
    params:
        config=section("evaluate", unused=(*TRAINING, *FIGURES, "references", *PROBING)),
    script:
        "../workflow/scripts/evaluate_gbm_embedding.py"


rule evaluate_finetune:
    input:
        encoders=encoders_of,
        store=STORE,
        sites=PATHS.sites,
        sources=stage_sources("mmaq.evaluate.stage"),
    output:
        fits=f"{EVALUATED}/finetune_{{method}}_{{split}}.csv",
        predictions=f"{EVALUATED}/finetune_{{method}}_{{split}}.parquet",
    log:
        f"{LOGS}/evaluate_finetune_{{method}}_{{split}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_finetune_{{method}}_{{split}}.tsv"
    wildcard_constraints:
        split="official|random|blocks|country",
    priority: LONG
    conda:
        "../environment.yaml"
    threads: CONFIG.evaluate.threads
    resources:
        gpu=GPUS,
        mem_mb=4000,
    params:
        config=section(
            "evaluate", unused=(*FIGURES, "references", "supervised", *PROBING)
        ),
    script:
        "../workflow/scripts/evaluate_finetune.py"


# Networks from random weights: encoders of a method, or a supervised model of the literature.
rule evaluate_supervised:
    input:
        store=STORE,
        sites=PATHS.sites,
        sources=stage_sources("mmaq.evaluate.stage"),
    output:
        fits=f"{EVALUATED}/{{protocol}}_{{method}}_{{split}}.csv",
        predictions=f"{EVALUATED}/{{protocol}}_{{method}}_{{split}}.parquet",
    log:
        f"{LOGS}/evaluate_{{protocol}}_{{method}}_{{split}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_{{protocol}}_{{method}}_{{split}}.tsv"
    wildcard_constraints:
        protocol="scratch|supervised",
        split="official|random|blocks|country",
    priority: LONG
    conda:
        "../environment.yaml"
    threads: CONFIG.evaluate.threads
    resources:
        gpu=GPUS,
        mem_mb=4000,
    params:
        config=section(
            "evaluate",
            unused=(*FIGURES, "finetune", "references", "calibrated", *PROBING),
        ),
        encoders=CONFIG.pretrain.encoders.model_dump(mode="json"),
    script:
        "../workflow/scripts/evaluate_supervised.py"


# Every figure, of test predictions alone: a changed bootstrap trains nothing.
rule benchmark_table:
    input:
        predictions=[
            f"{EVALUATED}/{part}.parquet" for part in EVALUATION_PARTS + TRANSFER_PARTS
        ],
        fits=[f"{EVALUATED}/{part}.csv" for part in EVALUATION_PARTS + TRANSFER_PARTS],
        sites=PATHS.sites,
        sources=stage_sources("mmaq.evaluate.stage"),
    output:
        table=report(
            str(PATHS.benchmark),
            caption="../workflow/report/benchmark.rst",
            category="Benchmark",
            labels={"result": "every figure of the benchmark"},
        ),
        metrics=PATHS.metrics,
        comparisons=PATHS.comparisons,
    log:
        f"{LOGS}/benchmark_table.log",
    benchmark:
        f"{TIMINGS}/benchmark_table.tsv"
    conda:
        "../environment.yaml"
    resources:
        mem_mb=2000,
    params:
        draws=CONFIG.evaluate.bootstrap,
        dataset=CONFIG.name,
    script:
        "../workflow/scripts/benchmark_table.py"
