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
        arguments=suite.arguments("base"),
    shell:
        "clearbench base {params.arguments} 2>&1 | tee -- {log:q} >&2"


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
        launch=suite.launch("finetune"),
        arguments=suite.arguments("original"),
    shell:
        "{params.launch} finetune {params.arguments} 2>&1 | tee -- {log:q} >&2"


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
        launch=suite.launch("finetune"),
        arguments=suite.arguments("gold/forget{size}/seed{seed}"),
    shell:
        "{params.launch} finetune {params.arguments} 2>&1 | tee -- {log:q} >&2"


if suite.referring:

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
            arguments=suite.arguments("reference"),
        shell:
            "clearbench reference {params.arguments} 2>&1 | tee -- {log:q} >&2"
