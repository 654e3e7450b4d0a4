"""Weights of the measuring networks: files in, named tensors out."""
