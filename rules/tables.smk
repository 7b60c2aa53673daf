# The comparison tables; if the run stops early, partial ones that show what is missing.


rule tables:
    input:
        unpack(suite.inputs("tables")),
    output:
        manifest(layout.tables),
    log:
        layout.root / "logs/tables.log",
    resources:
        **suite.resources("tabulate"),
    params:
        suite=suite.suite.path,
        results=layout.root,
    shell:
        "clearbench tabulate --suite {params.suite} --results {params.results}"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"


onerror:
    shell(
        "env -u CLEARBENCH_IMAGE clearbench tabulate --partial"
        " --suite {suite.suite.path} --results {layout.root}"
        " --out {layout.partial_tables} && echo"
        " 'Tables of what is done, the rest marked: {layout.partial_tables}' >&2"
    )


onsuccess:
    shell("rm -rf {layout.partial_tables}")
