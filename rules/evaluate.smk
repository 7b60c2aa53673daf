# Per-sample records of every model: control rows and cells alike.


rule evaluate:
    input:
        unpack(suite.inputs("evaluate/{run}")),
    output:
        suite.output("evaluate/{run}"),
    log:
        suite.log("evaluate/{run}"),
    resources:
        **suite.resources("evaluate"),
    params:
        launch=suite.launch("evaluate"),
        settings=suite.settings("evaluate/{run}"),
        models=suite.evaluated_models,
        size=suite.option("evaluate/{run}", "forget_size"),
    shell:
        "{params.launch} evaluate --settings {params.settings:q} --forget-size {params.size}"
        " --base $(dirname {input.base}) {params.models} --dataset $(dirname {input.dataset})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
