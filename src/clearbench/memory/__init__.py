"""What a suite's trainings take in GPU memory, before there are data: a file a kind of model.

No stage imports from here.
"""
