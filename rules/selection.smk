# Where the values of swept rows are chosen: persons that stand for the forget set, their gold, the points
# that are tried, and the choice among the points of a row and a modality.

if suite.has("select"):

    rule validation:
        input:
            unpack(suite.inputs("validation/forget{size}")),
        output:
            suite.output("validation/forget{size}"),
        log:
            suite.log("validation/forget{size}"),
        # Before anything is trained: too few persons are a mistake in the suite.
        priority: 13
        resources:
            **suite.resources("validation", "validation/forget{size}"),
        params:
            command=suite.command("validation/forget{size}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"

    rule validation_gold:
        input:
            unpack(suite.inputs("validation_gold/forget{size}/seed{seed}")),
        output:
            suite.output("validation_gold/forget{size}/seed{seed}"),
        log:
            suite.log("validation_gold/forget{size}/seed{seed}"),
        priority: 9
        resources:
            **suite.resources("finetune", "validation_gold/forget{size}/seed{seed}"),
        params:
            command=suite.command("validation_gold/forget{size}/seed{seed}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"

    if suite.has("alternates"):

        rule validation_alternates:
            input:
                unpack(suite.inputs("validation_alternates/forget{size}/seed{seed}")),
            output:
                suite.output("validation_alternates/forget{size}/seed{seed}"),
            log:
                suite.log("validation_alternates/forget{size}/seed{seed}"),
            priority: 9
            resources:
                **suite.resources(
                    "alternates", "validation_alternates/forget{size}/seed{seed}"
                ),
            params:
                command=suite.command("validation_alternates/forget{size}/seed{seed}"),
            shell:
                "{params.command} 2>&1 | logged {log:q}"

    rule trial:
        input:
            unpack(suite.inputs("trial/{row}/{modality}/forget{size}/{point}")),
        output:
            suite.output("trial/{row}/{modality}/forget{size}/{point}"),
        log:
            suite.log("trial/{row}/{modality}/forget{size}/{point}"),
        resources:
            **suite.resources("unlearn", "trial/{row}/{modality}/forget{size}/{point}"),
        params:
            command=suite.command("trial/{row}/{modality}/forget{size}/{point}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"

    rule select:
        input:
            unpack(suite.inputs("select/{row}/{modality}/forget{size}")),
        output:
            suite.output("select/{row}/{modality}/forget{size}"),
        log:
            suite.log("select/{row}/{modality}/forget{size}"),
        resources:
            **suite.resources("select", "select/{row}/{modality}/forget{size}"),
        params:
            command=suite.command("select/{row}/{modality}/forget{size}"),
        shell:
            "{params.command} 2>&1 | logged {log:q}"
