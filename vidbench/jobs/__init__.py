"""What the commands do, one file each; `vidbench.cli` parses, calls these and prints."""
