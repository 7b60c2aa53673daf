# One cell: a method on a modality at a forget size with a seed.


rule unlearn:
    input:
        unpack(suite.inputs("unlearn/{method}/{modality}/forget{size}/seed{seed}")),
    output:
        suite.output("unlearn/{method}/{modality}/forget{size}/seed{seed}"),
    log:
        suite.log("unlearn/{method}/{modality}/forget{size}/seed{seed}"),
    resources:
        **suite.resources("unlearn"),
    params:
        launch=suite.launch("unlearn"),
        settings=suite.settings("unlearn/{method}/{modality}/forget{size}/seed{seed}"),
        reference=suite.stored_reference,
    shell:
        "{params.launch} unlearn --settings {params.settings:q} --method {wildcards.method}"
        " --modality {wildcards.modality} --forget-size $((10#{wildcards.size}))"
        " --seed {wildcards.seed} --base $(dirname {input.base})"
        " --original $(dirname {input.original}) {params.reference} --dataset $(dirname {input.dataset})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
