"""Malformed input of every kind on every command: a table of cases, and limited processes that run them."""
