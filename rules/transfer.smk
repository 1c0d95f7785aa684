# Transfer tasks: scenes of power plants, their store, and encoders evaluated on both tasks.
rule simulate_plants:
    input:
        sources=stage_sources("mmaq.simulate.plants"),
    output:
        f"{PATHS.plant_scenes}/labels.csv",
    log:
        f"{LOGS}/simulate_plants.log",
    benchmark:
        f"{TIMINGS}/simulate_plants.tsv"
    conda:
        "../environment.yaml"
    resources:
        mem_mb=2000,
    params:
        config=section("simulate"),
        period=section("period"),
        transfer=CONFIG.transfer.model_dump(mode="json", include={"scenes", "plants"}),
    script:
        "../workflow/scripts/simulate_plants.py"


rule plants:
    input:
        labels=f"{CONFIG.transfer.images or PATHS.plant_scenes}/labels.csv",
        sources=stage_sources("mmaq.transfer.prepare"),
    output:
        PLANTS,
    log:
        f"{LOGS}/plants.log",
    benchmark:
        f"{TIMINGS}/plants.tsv"
    conda:
        "../environment.yaml"
    resources:
        mem_mb=4000,
    script:
        "../workflow/scripts/plants.py"


rule evaluate_transfer:
    input:
        encoders=lambda wildcards: (
            encoders_of(wildcards) if wildcards.protocol != "scratch" else []
        ),
        store=PLANTS,
        sources=stage_sources("mmaq.transfer.stage"),
    output:
        rows=f"{EVALUATED}/transfer_{{task}}_{{method}}_{{protocol}}.csv",
        predictions=f"{EVALUATED}/transfer_{{task}}_{{method}}_{{protocol}}.parquet",
    log:
        f"{LOGS}/evaluate_transfer_{{task}}_{{method}}_{{protocol}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_transfer_{{task}}_{{method}}_{{protocol}}.tsv"
    wildcard_constraints:
        task="fuel|plume",
        protocol="frozen|finetune|scratch",
    conda:
        "../environment.yaml"
    threads: CONFIG.transfer.threads
    resources:
        gpu=GPUS,
        mem_mb=4000,
    params:
        config=section(
            "transfer", unused=("tasks", "images", "scenes", "plants", "encoders")
        ),
        encoders=CONFIG.pretrain.encoders.model_dump(mode="json"),
        draws=CONFIG.evaluate.bootstrap,
        dataset=CONFIG.name,
    script:
        "../workflow/scripts/evaluate_transfer.py"
