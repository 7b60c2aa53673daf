"""Methods as the code of MUSE computes them, which takes logits for log-probabilities.

A file says what the code does; nothing here is for use but beside numbers of that benchmark.
"""
