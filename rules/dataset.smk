# The dataset: generated where the suite's is, then read, checked and stored.

if suite.has("generate"):

    rule generate:
        input:
            unpack(suite.inputs("generate")),
        output:
            suite.output("generate"),
        log:
            suite.log("generate"),
        resources:
            **suite.resources("generate", "generate"),
        params:
            command=suite.command("generate"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"


rule dataset:
    input:
        unpack(suite.inputs("dataset")),
    output:
        suite.output("dataset"),
    log:
        suite.log("dataset"),
    resources:
        **suite.resources("dataset", "dataset"),
    params:
        command=suite.command("dataset"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
