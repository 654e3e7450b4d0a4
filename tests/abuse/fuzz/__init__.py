"""Seeded fuzzing of every parser: changed bytes may be accepted or refused with our error, and nothing else."""
