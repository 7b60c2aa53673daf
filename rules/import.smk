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
            arguments=suite.arguments("import/{imported}"),
        shell:
            "clearbench import-logs {params.arguments} 2>&1 | tee -- {log:q} >&2"
