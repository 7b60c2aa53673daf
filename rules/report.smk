# The page that people look at, of a finished run; `clearbench report` makes one of what is done so far.


rule report:
    input:
        unpack(suite.inputs("report")),
    output:
        suite.output("report"),
    log:
        suite.log("report"),
    resources:
        **suite.resources("report", "report"),
    params:
        command=suite.command("report"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
