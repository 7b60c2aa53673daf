"""Datasets read by the real library, in each layout."""
