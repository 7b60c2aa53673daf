"""Comparison tables, from score files to CSV, Markdown and LaTeX.

No metric is computed here.
"""
