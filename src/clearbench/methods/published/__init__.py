"""Methods as the published code of CLEAR computes them, defects included.

A file holds what the code does and says where that is not what the paper says; nothing here is for
use but beside the published numbers. `mm/trainer.py` and `mm/dataset.py` of the source hold it.
"""
