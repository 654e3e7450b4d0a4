"""A metric over a stream of features, with its interval."""
