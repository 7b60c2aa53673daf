# The models that all cells share: base, original and the golds; and what the original says.


rule base:
    input:
        unpack(suite.inputs("base")),
    output:
        suite.output("base"),
    log:
        suite.log("base"),
    resources:
        **suite.resources("base"),
    params:
        command=suite.command("base"),
    shell:
        "{params.command} 2>&1 | tee -- {log:q} >&2"


rule original:
    input:
        unpack(suite.inputs("original")),
    output:
        suite.output("original"),
    log:
        suite.log("original"),
    priority: 10
    resources:
        **suite.resources("finetune"),
    params:
        command=suite.command("original"),
    shell:
        "{params.command} 2>&1 | tee -- {log:q} >&2"


rule gold:
    input:
        unpack(suite.inputs("gold/forget{size}/seed{seed}")),
    output:
        suite.output("gold/forget{size}/seed{seed}"),
    log:
        suite.log("gold/forget{size}/seed{seed}"),
    priority: 9
    resources:
        **suite.resources("finetune"),
    params:
        command=suite.command("gold/forget{size}/seed{seed}"),
    shell:
        "{params.command} 2>&1 | tee -- {log:q} >&2"


if suite.has("reference"):

    rule reference:
        input:
            unpack(suite.inputs("reference")),
        output:
            suite.output("reference"),
        log:
            suite.log("reference"),
        priority: 10
        resources:
            **suite.resources("reference"),
        params:
            command=suite.command("reference"),
        shell:
            "{params.command} 2>&1 | tee -- {log:q} >&2"
