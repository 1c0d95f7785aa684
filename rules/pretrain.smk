# Contract 4, checkpoints: one self-supervised run a method, which serves every split and seed.
rule pretrain:
    input:
        store=STORE,
        sites=PATHS.sites,
    output:
        checkpoint=f"{PATHS.checkpoints}/{{method}}.ckpt",
        best=f"{PATHS.checkpoints}/{{method}}_best.ckpt",
        encoders=f"{PATHS.checkpoints}/{{method}}.safetensors",
        losses=f"{PATHS.checkpoints}/{{method}}_losses.csv",
    log:
        f"{LOGS}/pretrain_{{method}}.log",
    benchmark:
        f"{TIMINGS}/pretrain_{{method}}.tsv"
    wildcard_constraints:
        method="|".join(SELF_SUPERVISED),
    priority: AWAITED
    conda:
        "../environment.yaml"
    threads: CONFIG.pretrain.threads
    resources:
        gpu=GPUS,
        devices=1,
        nodes=1,
        mem_mb=8000,
        runtime=1440,
    params:
        config=pretrain_section,
        code=code("mmaq.learn.stage.pretrain", METHODS=run_of, TRAINED=run_of),
    script:
        "../workflow/scripts/pretrain.py"
