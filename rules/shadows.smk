# The models of a vision suite's membership attacks, several a job: a person in question is known to half
# of them. Each method is run on all, at each forget size; what comes out are records.

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
        shell:
            "clearbench shadows --settings {params.settings:q} --number {wildcards.stack}"
            " --base $(dirname {input.base})"
            " --dataset $(dirname {input.dataset}) --out $(dirname {output})"
            " 2>&1 | tee {log} >&2"

    rule unlearn_shadows:
        input:
            unpack(suite.inputs("unlearn_shadows/{method}/forget{size}/{stack}")),
        output:
            suite.output("unlearn_shadows/{method}/forget{size}/{stack}"),
        log:
            suite.log("unlearn_shadows/{method}/forget{size}/{stack}"),
        resources:
            **suite.resources("unlearn_shadows"),
        params:
            settings=suite.settings("unlearn_shadows/{method}/forget{size}/{stack}"),
        shell:
            "clearbench unlearn-shadows --settings {params.settings:q} --number {wildcards.stack}"
            " --method {wildcards.method} --forget-size $((10#{wildcards.size}))"
            " --base $(dirname {input.base}) --shadows $(dirname {input.shadows})"
            " --dataset $(dirname {input.dataset}) --out $(dirname {output})"
            " 2>&1 | tee {log} >&2"
