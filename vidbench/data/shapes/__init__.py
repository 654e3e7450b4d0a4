"""Moving shapes: the embedded data set, drawn from seeds alone."""
