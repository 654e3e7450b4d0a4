"""Leaderboards: published and measured scores, each with its provenance, ranked only where comparable."""
