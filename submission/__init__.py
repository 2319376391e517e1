"""The bundle for the graders, and a faithful rehearsal of the grading."""
