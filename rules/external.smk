# Models that were made elsewhere: a pointer to each, once it is known to fit the base. First of all,
# since what is wrong with them is a mistake in the suite.

if suite.has("external"):

    rule external:
        input:
            unpack(suite.inputs("external/{external}")),
        output:
            suite.output("external/{external}"),
        log:
            suite.log("external/{external}"),
        priority: 11
        resources:
            **suite.resources("external", "external/{external}"),
        params:
            command=suite.command("external/{external}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
