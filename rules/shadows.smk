# The shadow models of a vision suite, several a job: a person in question is known to half of them.

if suite.shadowed:

    rule shadows:
        input:
            unpack(suite.inputs("shadows/{stack}")),
        output:
            suite.output("shadows/{stack}"),
        log:
            suite.log("shadows/{stack}"),
        resources:
            **suite.resources("shadows"),
        params:
            settings=suite.settings("shadows/{stack}"),
            size=suite.option("shadows/{stack}", "forget_size"),
        shell:
            "clearbench shadows --settings {params.settings:q} --number {wildcards.stack}"
            " --forget-size {params.size} --base $(dirname {input.base})"
            " --dataset $(dirname {input.dataset}) --out $(dirname {output})"
            " 2>&1 | tee {log} >&2"
