# The comparison tables; if the run stops early, partial ones that show what is missing.


rule tables:
    input:
        unpack(suite.inputs("tables")),
    output:
        suite.output("tables"),
    log:
        suite.log("tables"),
    resources:
        **suite.resources("tabulate"),
    params:
        suite=suite.suite.path,
        results=suite.root,
    shell:
        "clearbench tabulate --suite {params.suite} --results {params.results}"
        " --out $(dirname {output}) 2>&1 | tee {log} >&2"


rule table5:
    input:
        suite.tables_with("table5"),
    log:
        suite.log("table5"),
    params:
        table=suite.root / "tables/table5.md",
    shell:
        "cat {params.table} | tee {log}"


onerror:
    shell(
        "env -u CLEARBENCH_IMAGE clearbench tabulate --partial"
        " --suite {suite.suite.path} --results {suite.root}"
        " --out {suite.partial_tables} && echo"
        " 'Tables of what is done, the rest marked: {suite.partial_tables}' >&2"
    )


onsuccess:
    shell("rm -rf {suite.partial_tables}")
