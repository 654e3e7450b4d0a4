"""The validity panel: what a score alone cannot tell about the clips behind it; see docs/validity.md."""
