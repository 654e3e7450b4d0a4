"""Fused kernels and recorded graphs, each beside a plain twin."""
