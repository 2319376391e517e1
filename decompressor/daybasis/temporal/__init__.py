"""The temporal matrix: stored integers -> one 3 x K matrix for any time."""
