"""Attempts to enter a board with a false row, each of which must not end ranked without a flag."""
