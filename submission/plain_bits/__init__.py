"""Reader of the contest's parameter files: plain quantized bits, numpy only; ships with submissions."""
