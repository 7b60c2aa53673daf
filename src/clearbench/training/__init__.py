"""The training loop and what it needs per step.

No method is known by name here.
"""
