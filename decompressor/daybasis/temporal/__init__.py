"""The temporal basis: stored integers -> one 3 x K matrix and offset for any time of the day."""
