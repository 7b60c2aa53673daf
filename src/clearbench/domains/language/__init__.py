"""Models that answer in words: of texts alone, and of images and texts.

One file a stage.
"""
