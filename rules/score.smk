# All metrics of a model, from its records and those it is compared with: its gold's, or the shadow
# models'. A changed metric reruns this alone.
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
        **suite.resources("score", "score/{run}"),
        scoring=1,
    params:
        command=suite.command("score/{run}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
