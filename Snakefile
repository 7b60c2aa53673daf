# clearbench: data to tables for one suite. Choose it with `--config suite=NAME` (default: mini).

from pathlib import Path


include: "rules/common.smk"


# The order of the others means nothing.
for rules in sorted(Path(workflow.basedir, "rules").glob("[!_]*.smk")):
    if rules.stem != "common":

        include: str(rules)


localrules:
    all,


rule all:
    default_target: True
    input:
        suite.everything(),
        suite.shown(report),
