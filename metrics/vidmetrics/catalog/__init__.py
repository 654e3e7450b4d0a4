"""Metrics, statistics, feature extractors, conventions and known answers, as data."""
