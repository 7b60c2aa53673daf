# One cell: a method on a modality at a forget size with a seed.


rule unlearn:
    input:
        unpack(suite.inputs("unlearn/{row}/{modality}/forget{size}/seed{seed}")),
    output:
        suite.output("unlearn/{row}/{modality}/forget{size}/seed{seed}"),
    log:
        suite.log("unlearn/{row}/{modality}/forget{size}/seed{seed}"),
    group:
        suite.group("unlearn/{row}/{modality}/forget{size}/seed{seed}")
    resources:
        **suite.resources("unlearn", "unlearn/{row}/{modality}/forget{size}/seed{seed}"),
    params:
        command=suite.command("unlearn/{row}/{modality}/forget{size}/seed{seed}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
