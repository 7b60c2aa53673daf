# The dataset: generated where the suite's is, then read, checked and stored.

if suite.generated:

    rule generate:
        output:
            manifest(layout.generated),
        log:
            layout.root / "logs/generate.log",
        params:
            settings=lambda _: suite.generate_settings(),
            code=suite.code("generate"),
        shell:
            "clearbench generate --settings {params.settings:q} --out $(dirname {output})"
            " 2>&1 | tee {log} >&2"


rule dataset:
    input:
        **suite.dataset_inputs(),
    output:
        manifest(layout.dataset),
    log:
        layout.root / "logs/dataset.log",
    params:
        settings=lambda _: suite.dataset_settings(),
        source=suite.dataset_source(),
        code=suite.code("dataset"),
    shell:
        "clearbench dataset --settings {params.settings:q} {params.source}"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"
