"""What gridmlp and siren share, which are trained by gradient descent: command, run, epochs, batches."""
