"""`todpack eval ab`: the variants of GridMLP trained with several seeds, compared, and judged by the recipe's lines.

command      the command
variants     how each is trained and packed
run          trains, packs and scores them all
report       the comparison as a table and as JSON; the acceptance lines of the recipe
"""
