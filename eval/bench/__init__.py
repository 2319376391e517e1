"""`todpack eval bench`: sets of lightmaps, ours beside the peers, in one result file.

command    the command
sets       the sets, and the PSNRs at which codecs are compared
rate       one set's bytes and quality: ours and all peers
speed      one set's times and memory: ours
peak       a command of ours with its peak memory
families   the trained families at their defaults
result     the one file of all figures
report     the figures as tables
document   docs/benchmarks.md, from the file alone
figures    README's table, likewise
"""
