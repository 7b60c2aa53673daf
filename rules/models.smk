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
        settings=suite.settings("base"),
    shell:
        "clearbench base --settings {params.settings:q} --seed 0"
        " --dataset $(dirname {input.dataset}) --out $(dirname {output}) 2>&1 | tee {log} >&2"


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
        settings=suite.settings("original"),
    shell:
        "{params.launch} finetune --settings {params.settings:q} --part full --seed 0"
        " --base $(dirname {input.base}) --dataset $(dirname {input.dataset})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"


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
        settings=suite.settings("gold/forget{size}/seed{seed}"),
    shell:
        "{params.launch} finetune --settings {params.settings:q} --part retain"
        " --forget-size $((10#{wildcards.size})) --seed {wildcards.seed}"
        " --base $(dirname {input.base}) --dataset $(dirname {input.dataset})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"


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
            settings=suite.settings("reference"),
        shell:
            "clearbench reference --settings {params.settings:q}"
            " --base $(dirname {input.base}) --original $(dirname {input.original})"
            " --dataset $(dirname {input.dataset}) --out $(dirname {output})"
            " 2>&1 | tee {log} >&2"
