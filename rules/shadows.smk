# The models of a vision suite's membership attacks, several a job: a person in question is known to half
# of them. Each method is run on all, at each forget size; what comes out are records.

if suite.has("shadows"):

    rule shadows:
        input:
            unpack(suite.inputs("shadows/{stack}")),
        output:
            suite.output("shadows/{stack}"),
        log:
            suite.log("shadows/{stack}"),
        resources:
            **suite.resources("shadows", "shadows/{stack}"),
        params:
            command=suite.command("shadows/{stack}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"

    rule unlearn_shadows:
        input:
            unpack(suite.inputs("unlearn_shadows/{row}/forget{size}/{stack}")),
        output:
            suite.output("unlearn_shadows/{row}/forget{size}/{stack}"),
        log:
            suite.log("unlearn_shadows/{row}/forget{size}/{stack}"),
        resources:
            **suite.resources(
                "unlearn_shadows", "unlearn_shadows/{row}/forget{size}/{stack}"
            ),
        params:
            command=suite.command("unlearn_shadows/{row}/forget{size}/{stack}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
