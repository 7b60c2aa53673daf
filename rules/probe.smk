# Stress tests that read the first layers of a model: the output layers that are trained on them.

if suite.has("probe"):

    rule probe:
        input:
            unpack(suite.inputs("probe/{run}")),
        output:
            suite.output("probe/{run}"),
        log:
            suite.log("probe/{run}"),
        group:
            suite.group("probe/{run}")
        resources:
            **suite.resources("probe", "probe/{run}"),
        params:
            command=suite.command("probe/{run}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
