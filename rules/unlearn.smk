# One cell: a method on a modality at a forget size with a seed.


rule unlearn:
    input:
        base=manifest(layout.base),
        original=manifest(layout.original),
        dataset=manifest(layout.dataset),
    output:
        manifest(layout.unlearned("{method}/{modality}/forget{size}/seed{seed}")),
    log:
        layout.root / "logs/unlearn/{method}/{modality}/forget{size}/seed{seed}.log",
    params:
        settings=lambda wildcards: suite.unlearn_settings(wildcards.method),
        code=lambda wildcards: suite.code("unlearn", wildcards.method),
    shell:
        "clearbench unlearn --settings {params.settings:q} --method {wildcards.method}"
        " --modality {wildcards.modality} --forget-size $((10#{wildcards.size}))"
        " --seed {wildcards.seed} --base $(dirname {input.base})"
        " --original $(dirname {input.original}) --dataset $(dirname {input.dataset})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
