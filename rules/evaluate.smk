# Contract 5: test predictions of references, probes and networks, and the table made of them.
rule evaluate_references:
    input:
        truth=made(TRUTH, collection(TRUTH)),
        store=STORE,
        sites=PATHS.sites,
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
        mem_mb=memory(1100, 2),
    params:
        config=section("evaluate", *MEASURING, "splits", "label_fractions"),
        references=list(CONFIG.evaluate.by_themselves),
        # Linear models may read encoders; those of references do not.
        code=code("mmaq.evaluate.stage.evaluate_references", TRAINED=lambda _: None),
    script:
        "../workflow/scripts/evaluate_references.py"


rule evaluate_probes:
    input:
        encoders=encoders_of,
        store=STORE,
        sites=PATHS.sites,
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
        mem_mb=memory(1400 + CUDA_MB, 2),
    params:
        config=section("evaluate", *MEASURING, "splits", "heads", "label_fractions"),
        calibrated=lambda wildcards: wildcards.method in CONFIG.evaluate.calibrated,
        code=code("mmaq.evaluate.stage.evaluate_probes", TRAINED=run_of),
    script:
        "../workflow/scripts/evaluate_probes.py"


rule evaluate_mixes:
    input:
        encoders=encoders_of,
        store=STORE,
        sites=PATHS.sites,
    output:
        fits=f"{EVALUATED}/mixes_{{method}}.csv",
        predictions=f"{EVALUATED}/mixes_{{method}}.parquet",
    log:
        f"{LOGS}/evaluate_mixes_{{method}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_mixes_{{method}}.tsv"
    wildcard_constraints:
        method="|".join(SELF_SUPERVISED + ("mmaq_s2",)),
    conda:
        "../environment.yaml"
    resources:
        gpu=GPUS,
        mem_mb=memory(1400 + CUDA_MB, 2),
    params:
        config=section("evaluate", *MEASURING, "splits"),
        references=list(CONFIG.evaluate.beside_mixes),
        code=code("mmaq.evaluate.stage.evaluate_mixes", TRAINED=run_of),
    script:
        "../workflow/scripts/evaluate_mixes.py"


rule evaluate_finetune:
    input:
        encoders=encoders_of,
        store=STORE,
        sites=PATHS.sites,
    output:
        fits=f"{EVALUATED}/{{protocol}}_{{method}}.csv",
        predictions=f"{EVALUATED}/{{protocol}}_{{method}}.parquet",
    log:
        f"{LOGS}/evaluate_{{protocol}}_{{method}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_finetune_{{protocol}}_{{method}}.tsv"
    wildcard_constraints:
        protocol="finetune|finetune_all|finetune_all_map",
        method="|".join(SELF_SUPERVISED + ("mmaq_s2",)),
    priority: LONG
    conda:
        "../environment.yaml"
    threads: CONFIG.evaluate.threads
    resources:
        gpu=GPUS,
        mem_mb=memory(1600 + CUDA_MB, 2),
    params:
        config=section("evaluate", *MEASURING, "splits", "finetune"),
        calibrated=lambda wildcards: wildcards.method in CONFIG.evaluate.calibrated,
        code=code("mmaq.evaluate.stage.evaluate_finetune", TRAINED=run_of),
    script:
        "../workflow/scripts/evaluate_finetune.py"


# Networks from random weights: encoders of a method, or a supervised model of the literature.
rule evaluate_supervised:
    input:
        store=STORE,
        sites=PATHS.sites,
    output:
        fits=f"{EVALUATED}/{{protocol}}_{{method}}.csv",
        predictions=f"{EVALUATED}/{{protocol}}_{{method}}.parquet",
    log:
        f"{LOGS}/evaluate_{{protocol}}_{{method}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_supervised_{{protocol}}_{{method}}.tsv"
    wildcard_constraints:
        protocol="scratch|scratch_all|supervised",
        method="|".join(METHODS),
    priority: LONG
    conda:
        "../environment.yaml"
    threads: CONFIG.evaluate.threads
    resources:
        gpu=GPUS,
        mem_mb=memory(1600 + CUDA_MB, 2),
    params:
        config=section("evaluate", *MEASURING, "splits", "supervised"),
        encoders=CONFIG.pretrain.encoders.model_dump(mode="json"),
        runs=CONFIG.pretrain.runs,
        code=code(
            "mmaq.evaluate.stage.evaluate_supervised",
            TRAINED=lambda job: run_of(job) if job.protocol != "supervised" else None,
            NETWORKS=lambda job: job.method if job.protocol == "supervised" else None,
        ),
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
        mem_mb=memory(600, 10),
    params:
        block_degrees=CONFIG.evaluate.block_degrees,
        draws=CONFIG.evaluate.bootstrap,
        dataset=CONFIG.name,
        code=code("mmaq.evaluate.stage.benchmark_table"),
    script:
        "../workflow/scripts/benchmark_table.py"
