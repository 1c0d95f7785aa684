# Transfer tasks: encoders evaluated on scenes of power plants.
rule evaluate_transfer:
    input:
        encoders=lambda wildcards: (
            encoders_of(wildcards) if wildcards.protocol != "scratch" else []
        ),
        store=PLANTS,
    output:
        fits=f"{EVALUATED}/transfer_{{task}}_{{method}}_{{protocol}}.csv",
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
        mem_mb=memory(1800 + CUDA_MB, 4),
    params:
        config=section(
            "transfer",
            "size",
            "seeds",
            "epochs",
            "batch_size",
            "learning_rate",
            "encoder_rate",
            "weight_decay",
        ),
        encoders=CONFIG.pretrain.encoders.model_dump(mode="json"),
        code=code("mmaq.transfer.stage.evaluate_transfer", TRAINED=run_of),
    script:
        "../workflow/scripts/evaluate_transfer.py"
