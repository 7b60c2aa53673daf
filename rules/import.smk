# Records of models that other groups evaluated, from their logs.

if suite.importing:

    rule import_logs:
        input:
            unpack(suite.inputs("import/{imported}")),
        output:
            suite.output("import/{imported}"),
        log:
            suite.log("import/{imported}"),
        resources:
            **suite.resources("import_logs"),
        params:
            source=suite.option("import/{imported}", "log"),
        shell:
            "clearbench import-logs --log {params.source:q} --out $(dirname {output})"
            " 2>&1 | tee {log} >&2"
