# The models that cells share: bases, originals and golds; and what originals say and make up.


rule base:
    input:
        unpack(suite.inputs("base/seed{seed}")),
    output:
        suite.output("base/seed{seed}"),
    log:
        suite.log("base/seed{seed}"),
    priority: 12
    resources:
        **suite.resources("base", "base/seed{seed}"),
    params:
        command=suite.command("base/seed{seed}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"


rule original:
    input:
        unpack(suite.inputs("original/seed{seed}")),
    output:
        suite.output("original/seed{seed}"),
    log:
        suite.log("original/seed{seed}"),
    priority: 10
    resources:
        **suite.resources("finetune", "original/seed{seed}"),
    params:
        command=suite.command("original/seed{seed}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"


rule gold:
    input:
        unpack(suite.inputs("gold/forget{size}/seed{seed}")),
    output:
        suite.output("gold/forget{size}/seed{seed}"),
    log:
        suite.log("gold/forget{size}/seed{seed}"),
    priority: 9
    resources:
        **suite.resources("finetune", "gold/forget{size}/seed{seed}"),
    params:
        command=suite.command("gold/forget{size}/seed{seed}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"


if suite.has("reference"):

    rule reference:
        input:
            unpack(suite.inputs("reference/seed{seed}")),
        output:
            suite.output("reference/seed{seed}"),
        log:
            suite.log("reference/seed{seed}"),
        priority: 10
        resources:
            **suite.resources("reference", "reference/seed{seed}"),
        params:
            command=suite.command("reference/seed{seed}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"


if suite.has("alternates"):

    rule alternates:
        input:
            unpack(suite.inputs("alternates/forget{size}/seed{seed}")),
        output:
            suite.output("alternates/forget{size}/seed{seed}"),
        log:
            suite.log("alternates/forget{size}/seed{seed}"),
        priority: 10
        resources:
            **suite.resources("alternates", "alternates/forget{size}/seed{seed}"),
        params:
            command=suite.command("alternates/forget{size}/seed{seed}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
