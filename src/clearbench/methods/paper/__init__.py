"""Methods as their own papers have them, where CLEAR's differs by what a step reads."""
