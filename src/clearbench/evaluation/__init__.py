"""Per-sample records of a model: candidate likelihoods with a shared prompt, and greedy answers.

Nothing is aggregated here.
"""
