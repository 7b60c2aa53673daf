"""A suite: one configured matrix of cells, its runs, and the artifacts that they are made of."""
