"""Decoder side of the `daybasis` family: numpy only."""
