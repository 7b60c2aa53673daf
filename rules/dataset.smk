# The dataset: generated where the suite's is, then read, checked and stored.

if suite.generated:

    rule generate:
        input:
            unpack(suite.inputs("generate")),
        output:
            suite.output("generate"),
        log:
            suite.log("generate"),
        resources:
            **suite.resources("generate"),
        params:
            arguments=suite.arguments("generate"),
        shell:
            "clearbench generate {params.arguments} 2>&1 | tee -- {log:q} >&2"


rule dataset:
    input:
        unpack(suite.inputs("dataset")),
    output:
        suite.output("dataset"),
    log:
        suite.log("dataset"),
    resources:
        **suite.resources("dataset"),
    params:
        arguments=suite.arguments("dataset"),
    shell:
        "clearbench dataset {params.arguments} 2>&1 | tee -- {log:q} >&2"
