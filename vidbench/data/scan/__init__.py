"""`vidbench data scan`: decodes every video of a data folder once and writes a manifest of the usable ones."""
