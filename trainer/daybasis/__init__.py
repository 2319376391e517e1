"""Training of `daybasis`: its closed form and its refinement (todpack.packer.daybasis) into a run folder."""
