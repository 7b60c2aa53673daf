# All metrics of a model, from its records and its gold's; a changed metric reruns this alone.


rule score:
    input:
        records=manifest(layout.evaluated("{run}")),
        gold=lambda wildcards: suite.gold_records(wildcards.run),
    output:
        manifest(layout.scored("{run}")),
    log:
        layout.root / "logs/score/{run}.log",
    params:
        code=suite.code("score"),
    shell:
        "clearbench score --records $(dirname {input.records}) --gold $(dirname {input.gold})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
