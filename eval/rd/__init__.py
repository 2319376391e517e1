"""`todpack eval rd`: every family swept over its settings: curves, latency, hours, and where the bytes go.

command       the command
sweep         curves of ours, trial by trial, and of the peers
results_file  curves in CompressAI's result format
plots         the pictures
"""
