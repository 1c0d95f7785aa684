# Contract 4, the checkpoint: one self-supervised run that serves every split and seed.
rule pretrain:
    input:
        store=STORE,
        sites=PATHS.sites,
        sources=stage_sources("mmaq.training.pretrain"),
    output:
        checkpoint=f"{PATHS.checkpoints}/mmaq.ckpt",
        encoders=f"{PATHS.checkpoints}/mmaq.safetensors",
        losses=f"{PATHS.checkpoints}/mmaq_losses.csv",
    log:
        f"{LOGS}/pretrain.log",
    benchmark:
        f"{TIMINGS}/pretrain.tsv"
    conda:
        "../environment.yaml"
    threads: CONFIG.pretrain.threads
    resources:
        gpu=GPUS,
        mem_mb=8000,
    params:
        config=section("pretrain"),
    script:
        "../workflow/scripts/pretrain.py"
