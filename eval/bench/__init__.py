"""`todpack eval bench`: our default family beside x265 and JPEG XL on the same frames in one run, against the targets.

command    the command
result     what is measured, and what was found: plain records
dataset    one dataset: rate curves, wall times, latencies, memory
families   the trained families at their defaults
targets    the figures against their targets
report     tables for a terminal, and JSON
document   docs/benchmarks.md
"""
