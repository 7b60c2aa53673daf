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
            settings=suite.settings("generate"),
        shell:
            "clearbench generate --settings {params.settings:q} --out $(dirname {output})"
            " 2>&1 | tee {log} >&2"


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
        settings=suite.settings("dataset"),
        source=suite.dataset_source,
    shell:
        "clearbench dataset --settings {params.settings:q} {params.source}"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
