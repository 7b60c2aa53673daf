# All metrics of a model, from its records and its gold's; a changed metric reruns this alone.
# On a cluster, many run in one job, one after the other: `scoring` is theirs alone.


rule score:
    input:
        unpack(suite.inputs("score/{run}")),
    output:
        suite.output("score/{run}"),
    log:
        suite.log("score/{run}"),
    group:
        "score"
    resources:
        **suite.resources("score"),
        scoring=1,
    shell:
        "clearbench score --records $(dirname {input.records}) --gold $(dirname {input.gold})"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
