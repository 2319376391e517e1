"""`todpack eval rd`: every family swept over its settings: curves, latency, hours, and where the bytes go."""
