"""`todpack search`: many trainings over a space of options, each a trial in a folder of its own."""
