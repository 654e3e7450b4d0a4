"""`vidbench data scan`: every video of a data folder examined once, with a manifest of what can be used."""
