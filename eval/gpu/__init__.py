"""`make gpu`: what this project does on a CUDA device, checked and timed in a few minutes."""
