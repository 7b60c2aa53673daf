# The dataset: generated where the suite's is, then read, checked and stored.

if suite.generated:

    rule generate:
        input:
            unpack(suite.inputs("generate")),
        output:
            manifest(layout.generated),
        log:
            layout.root / "logs/generate.log",
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
        manifest(layout.dataset),
    log:
        layout.root / "logs/dataset.log",
    resources:
        **suite.resources("dataset"),
    params:
        settings=suite.settings("dataset"),
        source=suite.dataset_source,
    shell:
        "clearbench dataset --settings {params.settings:q} {params.source}"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
