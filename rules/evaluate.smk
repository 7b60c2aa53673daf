# Per-sample records of every model: control rows and cells alike.


rule evaluate:
    input:
        unpack(lambda wildcards: suite.evaluate_inputs(wildcards.run)),
    output:
        manifest(layout.evaluated("{run}")),
    log:
        layout.root / "logs/evaluate/{run}.log",
    params:
        settings=lambda _: suite.evaluate_settings(),
        models=lambda wildcards: suite.evaluate_models(wildcards.run),
        size=lambda wildcards: forget_size(wildcards.run),
        code=suite.code("evaluate"),
    shell:
        "clearbench evaluate --settings {params.settings:q} --forget-size {params.size}"
        " --base $(dirname {input.base}) {params.models} --dataset $(dirname {input.dataset})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
