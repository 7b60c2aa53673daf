"""A finished suite as a Provenance Run Crate: what was run, on what, with which result, to publish.

`export` proves and writes; `workflow` describes what was to be run, `run` what was; `entities` adds
to the crate. `rocrate` is needed here and nowhere else.
"""
