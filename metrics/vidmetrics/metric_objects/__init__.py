"""A metric as an object over a stream of clips: update, merge, compute; the input that it takes, and its files."""
