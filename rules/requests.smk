# Models that forget group after group: whom each request is about, the gold of those forgotten so far
# where it is no other's, and the layer of each cell on those of the requests before.

if suite.has("request"):

    rule request:
        input:
            unpack(suite.inputs("request/{request}")),
        output:
            suite.output("request/{request}"),
        log:
            suite.log("request/{request}"),
        # Before anything is trained: too few persons are a mistake in the suite.
        priority: 13
        resources:
            **suite.resources("request", "request/{request}"),
        params:
            command=suite.command("request/{request}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"

    rule request_gold:
        input:
            unpack(suite.inputs("request_gold/{request}/seed{seed}")),
        output:
            suite.output("request_gold/{request}/seed{seed}"),
        log:
            suite.log("request_gold/{request}/seed{seed}"),
        priority: 9
        resources:
            **suite.resources("finetune", "request_gold/{request}/seed{seed}"),
        params:
            command=suite.command("request_gold/{request}/seed{seed}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"

    rule request_cell:
        input:
            unpack(suite.inputs("request_cell/{request}/{row}/{modality}/seed{seed}")),
        output:
            suite.output("request_cell/{request}/{row}/{modality}/seed{seed}"),
        log:
            suite.log("request_cell/{request}/{row}/{modality}/seed{seed}"),
        resources:
            **suite.resources(
                "unlearn", "request_cell/{request}/{row}/{modality}/seed{seed}"
            ),
        params:
            command=suite.command("request_cell/{request}/{row}/{modality}/seed{seed}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
