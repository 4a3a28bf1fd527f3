"""Data sets, target models and the samples made of them."""
