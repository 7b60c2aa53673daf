# Per-sample records of every model: control rows and cells alike.


rule evaluate:
    input:
        unpack(suite.inputs("evaluate/{run}")),
    output:
        suite.output("evaluate/{run}"),
    log:
        suite.log("evaluate/{run}"),
    group:
        suite.group("evaluate/{run}")
    resources:
        **suite.resources("evaluate", "evaluate/{run}"),
    params:
        command=suite.command("evaluate/{run}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
