"""Which differences between published protocols change who wins? Described in docs/which-differences-matter.md."""
