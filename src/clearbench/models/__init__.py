"""Models: building tiny ones from a configuration, loading, adapters, saving.

No model is known by name here.
"""
