"""Sound, cut and damaged videos of every codec and container, and what is accepted of them."""
