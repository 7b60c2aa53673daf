"""Methods as published code computes them, defects included: CLEAR's, or open-unlearning's.

A file holds what the code does and says where that is not what the paper says; nothing here is for
use but beside the published numbers. Of CLEAR, `mm/trainer.py` and `mm/dataset.py` hold it.
"""
