"""Readers of general file formats: every fault of a file is one `vidmetrics.formats.faults.UnreadableError`."""
