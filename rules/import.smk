# Records of models that other groups evaluated, from their logs.

if suite.has("import_logs"):

    rule import_logs:
        input:
            unpack(suite.inputs("import/{imported}")),
        output:
            suite.output("import/{imported}"),
        log:
            suite.log("import/{imported}"),
        resources:
            **suite.resources("import_logs", "import/{imported}"),
        params:
            command=suite.command("import/{imported}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
