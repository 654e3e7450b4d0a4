"""`vidbench data overlap`: videos that two sides share, by name, by bytes and by frames."""
