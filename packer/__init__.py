"""Packing: a run folder -> one checksummed archive. No torch."""
