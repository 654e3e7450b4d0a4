"""What a folder holds: which entries are clips, which are something else, which cannot be used; one answer for all commands."""
