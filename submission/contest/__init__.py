"""The contest's layout: `Interface.py` and `Parameters/`, and a rehearsal of its grader."""
