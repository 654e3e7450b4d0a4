"""Moving shapes: the embedded dataset, generated from seeds."""
