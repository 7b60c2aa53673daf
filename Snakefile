# clearbench: data to tables for one suite. Choose it with `--config suite=NAME` (default: mini).


include: "rules/common.smk"
include: "rules/dataset.smk"
include: "rules/models.smk"
include: "rules/external.smk"
include: "rules/shadows.smk"
include: "rules/unlearn.smk"
include: "rules/evaluate.smk"
include: "rules/import.smk"
include: "rules/score.smk"
include: "rules/tables.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        suite.everything(),
