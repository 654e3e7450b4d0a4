"""The work behind each command, one file per command; `vidbench.cli` parses arguments, calls these and prints."""
