# Transfer tasks: references and encoders evaluated on scenes of power plants.
rule evaluate_transfer_references:
    input:
        store=PLANTS,
    output:
        fits=f"{EVALUATED}/transfer_{{task}}_references.csv",
        predictions=f"{EVALUATED}/transfer_{{task}}_references.parquet",
    log:
        f"{LOGS}/evaluate_transfer_references_{{task}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_transfer_references_{{task}}.tsv"
    wildcard_constraints:
        task="fuel|plume",
    conda:
        "../environment.yaml"
    resources:
        mem_mb=4000,
    params:
        config=section("transfer", *HOLDING_OUT),
        code=code("mmaq.transfer.stage.evaluate_transfer_references"),
    script:
        "../workflow/scripts/evaluate_transfer_references.py"


rule evaluate_transfer:
    input:
        encoders=lambda wildcards: (
            encoders_of(wildcards) if protocols_of(wildcards) != ["scratch"] else []
        ),
        store=PLANTS,
    output:
        fits=f"{EVALUATED}/transfer_{{task}}_{{method}}.csv",
        predictions=f"{EVALUATED}/transfer_{{task}}_{{method}}.parquet",
    log:
        f"{LOGS}/evaluate_transfer_{{task}}_{{method}}.log",
    benchmark:
        f"{TIMINGS}/evaluate_transfer_{{task}}_{{method}}.tsv"
    wildcard_constraints:
        task="fuel|plume",
        method="|".join(METHODS),
    conda:
        "../environment.yaml"
    threads: CONFIG.transfer.threads
    resources:
        gpu=GPUS,
        mem_mb=memory(1800 + CUDA_MB, 4),
    params:
        config=section(
            "transfer",
            *HOLDING_OUT,
            "size",
            "epochs",
            "batch_size",
            "learning_rate",
            "encoder_rate",
            "weight_decay",
            "precision",
        ),
        protocols=protocols_of,
        encoders=CONFIG.pretrain.encoders.model_dump(mode="json"),
        code=code("mmaq.transfer.stage.evaluate_transfer", TRAINED=run_of),
    script:
        "../workflow/scripts/evaluate_transfer.py"
