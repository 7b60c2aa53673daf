"""The pages of `docs/` that are written from code, so that page and code cannot differ."""
