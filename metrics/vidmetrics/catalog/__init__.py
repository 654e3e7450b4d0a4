"""What each metric id means, as data."""
