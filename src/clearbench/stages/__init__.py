"""One file a stage of the workflow: read files, call the package, write files.

No stage imports another stage.
"""
