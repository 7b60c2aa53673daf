"""Datasets: the generator of mini, the readers of the hub layouts, and the store all stages read.

Nothing here knows a model.
"""
