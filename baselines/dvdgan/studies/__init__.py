"""Ablation, cost table and curves."""
