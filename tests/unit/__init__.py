"""What needs no training: formulas, settings, tables, texts and the commands that tell of them."""
