# All metrics of a model, from its records and those it is compared with: its gold's, or the shadow
# models'. A changed metric reruns this alone.
# On a cluster, many run in one job, one after the other.


rule score:
    input:
        unpack(suite.inputs("score/{run}")),
    output:
        suite.output("score/{run}"),
    log:
        suite.log("score/{run}"),
    group:
        suite.group("score/{run}", otherwise="score")
    resources:
        **suite.resources("score", "score/{run}"),
    params:
        command=suite.command("score/{run}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
