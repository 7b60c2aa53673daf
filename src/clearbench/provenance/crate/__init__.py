"""A finished suite as a Provenance Run Crate: what was run, on what, with which result, to publish.

`export` proves and writes; `workflow` describes what was to be run, `run` what was; `entities` adds
to the crate. `rocrate` is needed by these, and nowhere else. Whoever gets a crate has `read` and
`verify`, `signature`, and `again`, which runs some of its cells.
"""
