"""Closed form of the `daybasis` family: numpy and scipy only."""
