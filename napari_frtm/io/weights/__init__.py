"""Weights of the networks: files, names, other programs."""
