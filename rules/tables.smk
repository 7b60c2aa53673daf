# The comparison tables; if the run stops early, partial ones that show what is missing.


rule tables:
    input:
        unpack(suite.inputs("tables")),
    output:
        suite.output("tables"),
    log:
        suite.log("tables"),
    resources:
        **suite.resources("tabulate", "tables"),
    params:
        command=suite.command("tables"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"


# A target for each table of the paper, as `snakemake table1`: makes all tables and prints this one.
for number in (1, 3, 4, 5, 6):

    rule:
        name:
            f"table{number}"
        input:
            suite.tables_with(f"table{number}"),
        log:
            suite.log(f"table{number}"),
        localrule: True
        params:
            suite=suite.suite.path,
            results=suite.root.parent,
            table=f"table{number}",
        shell:
            "clearbench show --suite {params.suite:q} --results {params.results:q} {params.table}"
            " | tee -- {log:q}"


# Of several suites: those that the suite names below `single_domain` must have been run.
rule table2:
    input:
        suite.ranked_tables,
    log:
        suite.log("table2"),
    localrule: True
    params:
        suite=suite.suite.path,
        results=suite.root.parent,
    shell:
        "clearbench carry-over --suite {params.suite:q} --results {params.results:q}"
        " 2>&1 | tee -- {log:q}"


# Of the suite, and of those below `single_domain` that have been run at several strengths.
rule claims:
    input:
        suite.tested_tables,
    log:
        suite.log("claims"),
    localrule: True
    params:
        suite=suite.suite.path,
        results=suite.root.parent,
    shell:
        "clearbench claims --suite {params.suite:q} --results {params.results:q}"
        " 2>&1 | tee -- {log:q}"


onerror:
    suite.stop()
    shell(
        "env -u CLEARBENCH_IMAGE clearbench tabulate --partial"
        " --suite {suite.suite.path:q} --results {suite.root:q}"
        " --out {suite.partial_tables:q} && echo"
        " 'Tables of what is done, the rest marked: '{suite.partial_tables:q} >&2"
    )


onsuccess:
    shell("rm -rf -- {suite.partial_tables:q}")
