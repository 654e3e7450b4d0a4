"""Weights of the feature extractors: files in, named tensors out."""
