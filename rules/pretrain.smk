# Contract 4, checkpoints: the self-supervised runs of each method, which serve every split.
RUN = run_name("{method}", "{run}")


rule pretrain:
    input:
        store=STORE,
        sites=PATHS.sites,
    output:
        checkpoint=f"{PATHS.checkpoints}/{RUN}.ckpt",
        best=f"{PATHS.checkpoints}/{RUN}_best.ckpt",
        encoders=f"{PATHS.checkpoints}/{RUN}.safetensors",
        losses=f"{PATHS.checkpoints}/{RUN}_losses.csv",
    log:
        f"{LOGS}/pretrain_{RUN}.log",
    benchmark:
        f"{TIMINGS}/pretrain_{RUN}.tsv"
    wildcard_constraints:
        method="|".join(SELF_SUPERVISED),
        run=r"\d+",
    priority: AWAITED
    conda:
        "../environment.yaml"
    threads: CONFIG.pretrain.threads
    resources:
        gpu=GPUS,
        devices=1,
        nodes=1,
        mem_mb=memory(1600 + CUDA_MB, 2),
        runtime=1440,
    params:
        config=pretrain_section,
        code=code("mmaq.learn.stage.pretrain", METHODS=run_of, TRAINED=run_of),
    script:
        "../workflow/scripts/pretrain.py"
