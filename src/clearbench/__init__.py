"""clearbench: the CLEAR benchmark of multimodal unlearning as a provable workflow.

Data flows one way: `stages` read files, call `data`, `models`, `methods`, `training`, `evaluation`,
`metrics` and `tables`, and write files. No stage imports another stage.
"""

from clearbench.bytecode import go_by_content

go_by_content()

__version__ = "0.1.0"
