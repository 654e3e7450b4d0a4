"""The cases, one file per subject, each with ``CASES: tuple[Case, ...]``; files that start with an underscore help to write them."""
