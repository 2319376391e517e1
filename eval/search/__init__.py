"""`todpack search`: many trainings over a space of options, each a trial in a folder of its own.

command    the command
    space      the file that says what is tried, and what is drawn from it: a grid, at random, by optuna
runner     trials side by side: on this machine, or on a Ray cluster
table      the results, sorted
"""
