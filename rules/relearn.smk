# Stress tests that teach a model again: the layer that each of them is, on a cell, its gold or its original.

if suite.has("relearn"):

    rule relearn:
        input:
            unpack(suite.inputs("relearn/{run}")),
        output:
            suite.output("relearn/{run}"),
        log:
            suite.log("relearn/{run}"),
        group:
            suite.group("relearn/{run}")
        resources:
            **suite.resources("relearn", "relearn/{run}"),
        params:
            command=suite.command("relearn/{run}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
